"""What a rollout makes of a call that Azure gave no good answer to."""

from __future__ import annotations

from vmss_jenkins.errors import Failure
from vmss_jenkins.runtime.waiting import LONGEST_WAIT

REFUSED_WAIT = 2.0
"""Seconds until a change that Azure put off is tried again, doubled each time."""
ID_IS_GONE = frozenset({"InvalidParameter", "NotFound"})
"""Codes that Azure answers with where an id was deleted in the meantime."""
TIMED_OUT, CONFLICT, CHANGED_MEANWHILE, THROTTLED, SERVER_ERROR = 408, 409, 412, 429, 500


def may_have_begun(failure: Failure) -> bool:
    """Whether Azure may have begun what it gave no good answer to."""
    return failure.sent and (failure.status is None or failure.status == TIMED_OUT or failure.status >= SERVER_ERROR)


def until_next_try(failure: Failure, refusals: int) -> float:
    """Seconds until what Azure put off is tried again, after so many refusals before."""
    backoff = min(LONGEST_WAIT, REFUSED_WAIT * 2.0**refusals)
    return failure.retry_after if failure.retry_after is not None else backoff
