"""A plan of jobs, for people: one line a job; the changes of a job are listed under it."""

from __future__ import annotations

from collections.abc import Iterator

from vmss_jenkins.jenkins.plan.canonical_xml import described
from vmss_jenkins.jenkins.plan.jobs import Action, Create, Delete, Disable, JobPlan, Refused, Update


def lines(job_plan: JobPlan) -> Iterator[str]:
    """Write a plan line by line; the last line counts the jobs that do not change."""
    yield from (f"create folder {folder}" for folder in job_plan.folders)
    for action in job_plan.actions:
        yield from _action(action)
    for paths, what in (
        (job_plan.unpruned, "--prune disables it, or deletes it if it has no builds"),
        (job_plan.outside, "it is outside the folders of the file; --prune --prune-outside-folders includes it"),
        (job_plan.retired, "it is disabled and keeps its builds; --prune --delete-builds deletes both"),
    ):
        yield from (f"not in the file any more: {path}; {what}" for path in paths)
    if job_plan.unchanged:
        yield f"unchanged: {len(job_plan.unchanged)}"


def _action(action: Action) -> Iterator[str]:
    if isinstance(action, Create):
        yield f"create {action.path}" + (f": {action.spec.summary}" if action.spec.summary else "")
    elif isinstance(action, Update):
        yield f"update {action.path}"
        for change in action.changes:
            yield from (f"    {line}" for line in described(change))
    elif isinstance(action, Disable):
        yield f"disable {action.path}: it is not in the file any more; its builds stay"
    elif isinstance(action, Delete):
        yield f"delete {action.path}"
    elif isinstance(action, Refused):
        yield f"refuse {action.path}: {action.reason}" + (f"; {action.flag} takes it over" if action.flag else "")
