"""The program `anoseg`."""

import sys

from . import _anoseg
from ._starter import starter


def main() -> None:
    """Runs the program with the arguments of this process, and ends with its exit code."""
    # numpy must not be imported here: its threads would take the signals that the program waits for.
    name = sys.argv[0]
    sys.exit(_anoseg.main(["anoseg" if name == "-c" or name.endswith("__main__.py") else name, *sys.argv[1:]], starter()))


if __name__ == "__main__":
    main()
