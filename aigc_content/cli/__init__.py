"""The command line: parse, call one function, print.

``main`` answers ``--version`` before it imports anything else; every command imports what it needs inside.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``aigc`` with these arguments (the process's own by default); return the exit status."""
    args = list(sys.argv[1:] if argv is None else argv)
    if args in (["--version"], ["-V"]):
        from aigc_content import __version__

        print(f"aigc {__version__}")
        return 0
    from aigc_content.cli.app import run

    return run(args)
