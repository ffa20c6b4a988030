"""Times a program from its start to its exit and takes its peak resident memory.

    python benches/peers/program.py RUNS PROGRAM [ARGUMENTS]

Prints seconds and bytes of each run. `{run}` in an argument stands for the number of the run. A process of its own:
Linux counts what the parent occupies when it starts a program into that program's peak, so that the parent has to be
small.
"""

import os
import sys
import time


def run(command):
    """Seconds from start to exit, and the peak resident memory in bytes."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    start = time.perf_counter()
    process = os.posix_spawn(command[0], command, os.environ, file_actions=quiet)
    _, status, usage = os.wait4(process, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        sys.exit(f"{command[0]} failed")
    # Linux counts in KiB.
    return seconds, usage.ru_maxrss * 1024


def main():
    count, *command = sys.argv[1:]
    for number in range(int(count)):
        seconds, peak = run([part.replace("{run}", str(number)) for part in command])
        print(seconds, peak)


if __name__ == "__main__":
    main()
