"""Where the next job is started."""

from __future__ import annotations

import pytest

from vmss_jenkins.jenkins.plan.next_job import NextJob

NEXT = NextJob("web full", {"IMAGE": "a/b", "WHY": "x y"})
FORM = ["with these parameters:", "    IMAGE=a/b", "    WHY=x y"]


@pytest.mark.parametrize(
    ("job_url", "prefilled", "lines"),
    [
        ("http://ci/job/vmss/job/web-canary/", True, ["http://ci/job/vmss/job/web%20full/parambuild/?IMAGE=a%2Fb&WHY=x+y"]),
        ("http://ci/job/vmss/job/web-canary", False, ["http://ci/job/vmss/job/web%20full/build?delay=0sec", *FORM]),
        ("http://ci/job/web-canary/", False, ["http://ci/job/web%20full/build?delay=0sec", *FORM]),
        ("", True, ["the job web full", *FORM]),
        ("", False, ["the job web full", *FORM]),
    ],
)  # fmt: skip
def test_the_next_job_is_beside_the_one_that_runs(job_url: str, prefilled: bool, lines: list[str]) -> None:
    found = list(NEXT.lines(job_url, prefilled=prefilled))
    assert found[0] == f"next: {' '.join(lines[:2])}"
    assert found[1:] == lines[2:]
