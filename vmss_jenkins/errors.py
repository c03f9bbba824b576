"""Every error that the package raises on purpose, with the exit code of a command that ends with it.

Each message says what failed, the value found, the value wanted and the next step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


class VmssJenkinsError(Exception):
    """The root of all errors: a failure that is understood."""

    exit_code = 1


class ConfigError(VmssJenkinsError):
    """The user's input cannot be used; nothing was changed.

    Args:
        source: the option, argument or file that has the faults.
        reasons: every fault, each with the value found and the value wanted.
    """

    exit_code = 2

    def __init__(self, source: str, reasons: Iterable[str]) -> None:
        self.source = source
        self.reasons = tuple(reasons)
        super().__init__(source, self.reasons)

    def __str__(self) -> str:
        if len(self.reasons) == 1:
            return f"{self.source}: {self.reasons[0]}"
        return "\n".join([f"{self.source}:", *(f"  - {reason}" for reason in self.reasons)])


class UnsafeRollout(VmssJenkinsError):  # noqa: N818 - a public name that says what would have happened
    """The request would do more than the user may expect; nothing was changed.

    Args:
        consequence: what would happen.
        flag: the option that allows it.
    """

    def __init__(self, consequence: str, flag: str) -> None:
        self.consequence = consequence
        self.flag = flag
        super().__init__(consequence, flag)

    def __str__(self) -> str:
        return f"{self.consequence} Nothing was changed. To do it all the same, add {self.flag}."


@dataclass(frozen=True)
class Failure:
    """Why a call to Azure failed, as a value for decisions."""

    code: str
    """Azure's error code (`ResourceNotFound`); one of ours in the same style if there was no answer."""
    message: str
    """Azure's message, or what happened instead of an answer."""
    status: int | None = None
    """The HTTP status; None if there was no answer."""
    request_id: str | None = None
    """`x-ms-request-id`, which Azure support asks for."""
    retry_after: float | None = None
    """Seconds that the server asked to wait."""
    sent: bool = True
    """False if the request certainly never reached Azure, so that a retry is safe."""


class AzureError(VmssJenkinsError):
    """Azure refused or failed, or could not be reached.

    Args:
        action: what failed, as a phrase: "read scale set canary-rg/web".
        failure: why it failed.
        next_step: what the user can do.
    """

    def __init__(self, action: str, failure: Failure, next_step: str | None = None) -> None:
        self.action = action
        self.failure = failure
        self.next_step = next_step
        super().__init__(action, failure, next_step)

    @property
    def code(self) -> str:
        """Azure's error code."""
        return self.failure.code

    def __str__(self) -> str:
        lines = [f"could not {self.action}: {self.failure.code}: {self.failure.message}"]
        if self.failure.request_id:
            lines.append(f"  request id: {self.failure.request_id}")
        if self.next_step:
            lines.append(f"  next step: {self.next_step}")
        return "\n".join(lines)


class JenkinsError(VmssJenkinsError):
    """Jenkins refused or failed, could not be reached, or the server is not Jenkins.

    Args:
        status: the HTTP status; None if there was no answer.
        message: the server's reason, or what happened instead of an answer.
        action: what failed, as a phrase: "create the job vmss/web-canary".
        next_step: what the user can do.
        retry_after: seconds that the server asked to wait.
    """

    def __init__(
        self,
        status: int | None,
        message: str,
        action: str,
        next_step: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.status = status
        self.message = message
        self.action = action
        self.next_step = next_step
        self.retry_after = retry_after
        super().__init__(status, message, action, next_step, retry_after)

    @property
    def restarting(self) -> bool:
        """Whether the server, or a proxy before it, says that it is only down for a while."""
        return self.status in {502, 503, 504}

    def __str__(self) -> str:
        status = f"HTTP {self.status}: " if self.status is not None else ""
        step = f"\n  next step: {self.next_step}" if self.next_step else ""
        return f"could not {self.action}: {status}{self.message}{step}"


class SeedRefused(VmssJenkinsError):  # noqa: N818 - a refusal, not a failure
    """A seeding was refused; nothing was changed.

    Args:
        reasons: all reasons.
    """

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__(self.reasons)

    def __str__(self) -> str:
        return "\n".join(["nothing was changed, because:", *(f"  - {reason}" for reason in self.reasons)])


class SeedingFailed(VmssJenkinsError):  # noqa: N818 - as UnsafeRollout: the name says what happened
    """A seeding stopped in the middle; each job is either old or new, and the next run finishes it.

    Args:
        done: the jobs and folders that were changed.
        failed: the jobs and folders that failed, with the reason.
        not_done: the jobs that were not started.
    """

    def __init__(self, done: Iterable[str], failed: Mapping[str, str], not_done: Iterable[str]) -> None:
        self.done = tuple(done)
        self.failed = dict(failed)
        self.not_done = tuple(not_done)
        super().__init__(self.done, self.failed, self.not_done)

    def __str__(self) -> str:
        lines = ["the seeding stopped in the middle; each job is either unchanged or completely updated:"]
        lines += [f"  failed: {path}: {reason}" for path, reason in self.failed.items()]
        lines.append(f"  done: {', '.join(self.done) or 'nothing'}")
        lines.append(f"  not done: {', '.join(self.not_done) or 'nothing else'}")
        lines.append("  next step: run the same command again; it does the rest")
        return "\n".join(lines)
