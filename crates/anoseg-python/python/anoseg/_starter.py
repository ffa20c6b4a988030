"""How the program is started as another process. Nothing here may need numpy."""

import os
import sys

# The folder of this process is no place to import from, and this package may be found by its own path alone.
_MAIN = """
import sys
folder = sys.argv.pop(1)
sys.path[:] = [*filter(None, sys.path), folder]
from anoseg.__main__ import main
main()
"""


def starter() -> list:
    """The command that runs the program when its arguments follow. Empty where this Python has no program of its own."""
    if not sys.executable:
        return []
    return [sys.executable, "-c", _MAIN, os.path.dirname(os.path.dirname(os.path.abspath(__file__)))]
