"""What follows from a call that Azure refused or did not answer."""

from __future__ import annotations

from vmss_jenkins.errors import Failure
from vmss_jenkins.runtime.waiting import LONGEST_WAIT

REFUSED_WAIT = 2.0
"""Seconds until a refused change is tried again, doubled each time."""
ID_IS_GONE = frozenset({"InvalidParameter", "NotFound"})
"""Codes of the refusal of an id that was deleted meanwhile."""
NOTHING_RUNS = (
    "Azure refused this each time although nothing runs on the set: read its message above, see the set's activity log "
    "(`az monitor activity-log list --resource-group GROUP`), then run the same command again"
)
"""The next step after refusals that waiting does not end."""
TIMED_OUT, CONFLICT, CHANGED_MEANWHILE, THROTTLED, SERVER_ERROR = 408, 409, 412, 429, 500


def may_have_begun(failure: Failure) -> bool:
    """Whether Azure may have begun the change although the answer is missing or an error."""
    return failure.sent and (failure.status is None or failure.status == TIMED_OUT or failure.status >= SERVER_ERROR)


def until_next_try(failure: Failure, refusals: int) -> float:
    """Seconds until the next try, after so many refusals."""
    backoff = min(LONGEST_WAIT, REFUSED_WAIT * 2.0**refusals)
    return failure.retry_after if failure.retry_after is not None else backoff
