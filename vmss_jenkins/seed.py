"""`python -m vmss_jenkins.seed`: the command `vmss-jenkins seed`, for a checkout; `seed_jobs` for programs.

Exit codes: 0 the server has the jobs; 1 a problem or a failure; 2 usage or configuration; 3 unexpected; 4 changes
pending under `--check`; 130 interrupted.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from vmss_jenkins.cli import exit_codes
from vmss_jenkins.cli.jobs.seed import command
from vmss_jenkins.jenkins.plan.jobs import JobSpec
from vmss_jenkins.jenkins.seeding import Options, SeedResult
from vmss_jenkins.library.seeding import jobs_of_file, jobs_of_set, seed_jobs

__all__ = ["JobSpec", "Options", "SeedResult", "jobs_of_file", "jobs_of_set", "main", "seed_jobs"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        argv: the words after the program's name; those of the process by default.
    """
    return exit_codes.run(command, argv, "vmss-jenkins seed")


if __name__ == "__main__":
    sys.exit(main())
