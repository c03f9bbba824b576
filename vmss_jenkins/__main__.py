"""`vmss-jenkins`: the commands of `cli`, behind the one error boundary."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from vmss_jenkins.cli import cli, exit_codes


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code, as `exit_codes` defines it.

    Args:
        argv: the words after the program's name; those of the process by default.
    """
    return exit_codes.run(cli, argv, "vmss-jenkins")


if __name__ == "__main__":
    sys.exit(main())
