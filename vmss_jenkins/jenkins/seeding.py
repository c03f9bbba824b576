"""Seeding: makes a Jenkins server have the jobs that are wanted. Read, plan, check, apply."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

from vmss_jenkins.errors import SeedRefused, UnsafeRollout
from vmss_jenkins.events.base import Event, OnEvent
from vmss_jenkins.events.seeding import SeedFinished, SeedPlanned
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.jenkins.changes import apply
from vmss_jenkins.jenkins.plan.job_paths import ancestors
from vmss_jenkins.jenkins.plan.job_plan import Rules, ensure_safe, gone_jobs, plan
from vmss_jenkins.jenkins.plan.jobs import (
    PIPELINE,
    Create,
    Delete,
    Disable,
    ExistingJob,
    JobPlan,
    JobSpec,
    Update,
    checked,
)
from vmss_jenkins.jenkins.plan.preflight import (
    ALLOW_MISSING_CREDENTIALS,
    ALLOW_OLDER_PLUGINS,
    credential_findings,
    markup_findings,
    plugin_findings,
)
from vmss_jenkins.jenkins.ports import JenkinsJobs
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.runtime.waiting import Waiter

CONNECTIONS = 8
"""Requests at a time; more make a real server no faster."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Options:
    """What a seeding may do."""

    check: bool = False
    """Only report what would change."""
    prune: bool = False
    """Disable jobs that were seeded from the files and are no longer in them; delete those without builds."""
    delete_builds: bool = False
    """With `prune`: delete such jobs with their builds."""
    prune_outside_folders: bool = False
    """With `prune`: do it outside the folders of the files too."""
    adopt: bool = False
    """Take over pipeline jobs that were not seeded from the files."""
    adopt_from: Collection[str] = ()
    """Take over jobs that were seeded from these sources: the old name of a file that was renamed, or its old mark."""
    allow_many_deletions: bool = False
    allow_missing_credentials: bool = False
    allow_older_plugins: bool = False
    """Go on if a plugin is older than the version that the jobs were tested with."""
    connections: int = CONNECTIONS
    sources: Collection[str] = ()
    """The files that are seeded; by default those that the jobs name."""

    @property
    def rules(self) -> Rules:
        """What the plan may do with jobs that exist."""
        return Rules(self.prune, self.delete_builds, self.prune_outside_folders, self.adopt, self.adopt_from)

    @property
    def allowed(self) -> frozenset[str]:
        """The options that were given to go on in spite of a finding."""
        flags = {
            ALLOW_MISSING_CREDENTIALS: self.allow_missing_credentials,
            ALLOW_OLDER_PLUGINS: self.allow_older_plugins,
        }
        return frozenset(flag for flag, given in flags.items() if given)


@dataclass(frozen=True)
class SeedResult:
    """What a seeding changed, or would change."""

    plan: JobPlan
    findings: tuple[Finding, ...]
    problems: tuple[str, ...]
    """What stops the seeding; only a check returns it, otherwise it is raised."""
    applied: bool


def seed(server: JenkinsJobs, desired: Iterable[JobSpec], options: Options, waiter: Waiter) -> SeedResult:
    """Make a server have the wanted jobs; a second run changes nothing.

    Args:
        server: the server.
        desired: the wanted jobs.
        options: what the seeding may do.
        waiter: the clock, retries and the listener of events.

    Raises:
        ConfigError: if a job cannot be written to any server; nothing was changed.
        JenkinsError: if the server cannot be read; nothing was changed.
        SeedRefused: if something stops the seeding; nothing was changed.
        UnsafeRollout: if too many jobs would be deleted; nothing was changed.
        SeedingFailed: if a change failed.
    """
    specs = checked(desired)
    return _Seeding(server, options, waiter).run(specs)


class _Seeding:
    def __init__(self, server: JenkinsJobs, options: Options, waiter: Waiter) -> None:
        self._server, self._options = server, options
        self._report = _one_at_a_time(waiter.on_event)
        self._waiter = replace(waiter, on_event=self._report)

    def run(self, specs: Sequence[JobSpec]) -> SeedResult:
        began = self._waiter.clock.now()
        self._once(self._server.whoami)
        existing = self._existing(specs)
        job_plan = plan(specs, existing, self._options.rules, self._options.sources)
        self._report(SeedPlanned(self._server.url, job_plan))
        findings = self._findings(specs, job_plan, existing)
        for finding in findings:
            if finding.severity in {Severity.NOTE, Severity.WARNING}:
                self._report(PreflightFound(finding))
        problems = _problems(job_plan, findings)
        if self._options.check:
            return SeedResult(job_plan, findings, (*problems, *self._too_many(job_plan)), applied=False)
        if problems:
            raise SeedRefused(problems)
        ensure_safe(job_plan, allow_many_deletions=self._options.allow_many_deletions)
        apply(self._server, job_plan, self._options.connections, self._waiter)
        self._report(_finished(job_plan, self._waiter.clock.now() - began))
        return SeedResult(job_plan, findings, problems, applied=True)

    def _too_many(self, job_plan: JobPlan) -> tuple[str, ...]:
        try:
            ensure_safe(job_plan, allow_many_deletions=self._options.allow_many_deletions)
        except UnsafeRollout as error:
            return (_reason(error.consequence.removesuffix("."), error.flag),)
        return ()

    def _existing(self, specs: Sequence[JobSpec]) -> dict[str, ExistingJob]:
        found = dict(self._once(self._server.items))
        compared = [spec.path for spec in specs if self._is_compared(spec, found.get(spec.path))]
        configs = self._each(lambda path: self._once(lambda: self._server.config(path)), compared)
        for path, config in zip(compared, configs, strict=True):
            found[path] = replace(found[path], config_xml=config)
        gone = gone_jobs(specs, found, self._options.sources) if self._options.prune else ()
        states = self._each(lambda path: self._once(lambda: self._server.state(path)), gone)
        for path, state in zip(gone, states, strict=True):
            found[path] = replace(found[path], has_builds=state.has_builds, is_disabled=state.is_disabled)
        return found

    def _is_compared(self, spec: JobSpec, there: ExistingJob | None) -> bool:
        return there is not None and there.kind == PIPELINE and self._options.rules.may_update(there, spec.source)

    def _findings(
        self, specs: Sequence[JobSpec], job_plan: JobPlan, existing: Mapping[str, ExistingJob]
    ) -> tuple[Finding, ...]:
        """Check everything side by side; the findings are in the order of the checks."""
        written = [each.spec for each in job_plan.pending if isinstance(each, Create | Update)]
        checks: tuple[Callable[[], tuple[Finding, ...]], ...] = (
            lambda: self._plugins(specs),
            lambda: self._credentials(specs, existing),
            lambda: self._permissions(job_plan, existing),
            lambda: self._linted(written),
            lambda: self._markup(written),
        )
        found = [finding for findings in self._each(lambda check: check(), checks) for finding in findings]
        allowed = self._options.allowed
        return tuple(
            replace(each, severity=Severity.WARNING, flag=None) if each.flag in allowed else each for each in found
        )

    def _plugins(self, specs: Sequence[JobSpec]) -> tuple[Finding, ...]:
        if not any(spec.plugins for spec in specs):
            return ()
        return plugin_findings(specs, self._once(self._server.plugins))

    def _credentials(self, specs: Sequence[JobSpec], existing: Mapping[str, ExistingJob]) -> tuple[Finding, ...]:
        users = [spec for spec in specs if spec.credentials_id or spec.secrets]
        stores = {""} if users else set()
        stores |= {folder for spec in users for folder in ancestors(spec.path) if folder in existing}
        ordered = sorted(stores)
        seen = self._each(lambda folder: self._once(lambda: self._server.credentials(folder)), ordered)
        # A folder that does not exist yet has no credentials.
        absent = {folder: frozenset[str]() for spec in users for folder in ancestors(spec.path)}
        return credential_findings(users, {**absent, **dict(zip(ordered, seen, strict=True))})

    def _permissions(self, job_plan: JobPlan, existing: Mapping[str, ExistingJob]) -> tuple[Finding, ...]:
        """Ask once for each existing folder that gets a new item."""
        paths = [*job_plan.folders, *(each.path for each in job_plan.pending if isinstance(each, Create))]
        folders = sorted({next((f for f in reversed(ancestors(path)) if f in existing), "") for path in paths})
        answers = self._each(lambda folder: self._once(lambda: self._server.may_create(folder)), folders)
        return tuple(
            Finding(
                Severity.IMPOSSIBLE,
                f"the user may not create jobs in {folder or 'the root folder'}: the permission Job/Create is missing",
            )
            for folder, may in zip(folders, answers, strict=True)
            if not may
        )

    def _linted(self, specs: Sequence[JobSpec]) -> tuple[Finding, ...]:
        """Ask the linter once for all scripts of one shape."""
        by_shape = {_shape(spec): spec.jenkinsfile for spec in reversed(specs) if spec.jenkinsfile}
        if not by_shape:
            return ()
        shapes, scripts = zip(*by_shape.items(), strict=True)
        first = self._once(lambda: self._server.lint(scripts[0]))
        if first is None:
            text = "the server has no linter (plugin pipeline-model-definition), so the Jenkinsfiles were not checked"
            return (Finding(Severity.WARNING, text),)
        rest = self._each(lambda script: self._once(lambda: self._server.lint(script)), scripts[1:])
        faults = dict(zip(shapes, [first, *rest], strict=True))
        return tuple(
            Finding(Severity.IMPOSSIBLE, f"the server's linter refuses the Jenkinsfile of {spec.path}: {fault}")
            for spec in specs
            for fault in faults.get(_shape(spec)) or ()
        )

    def _markup(self, specs: Sequence[JobSpec]) -> tuple[Finding, ...]:
        return markup_findings(specs, shows_html=self._once(self._server.shows_html)) if specs else ()

    def _each(self, work: Callable[[T], R], values: Sequence[T]) -> list[R]:
        """Call a function for each value, several at a time."""
        return in_parallel(work, values, self._options.connections)

    def _once(self, call: Callable[[], R]) -> R:
        return self._waiter.retry(call)


def _shape(spec: JobSpec) -> str:
    return spec.shape or spec.jenkinsfile


def in_parallel(work: Callable[[T], R], values: Sequence[T], connections: int) -> list[R]:
    """Call a function for each value, several at a time; after the first failure no new call starts."""
    if not values:
        return []
    with ThreadPoolExecutor(min(connections, len(values))) as pool:
        futures = [pool.submit(work, value) for value in values]
        try:
            return [future.result() for future in futures]
        finally:
            pool.shutdown(cancel_futures=True)


def _problems(job_plan: JobPlan, findings: Iterable[Finding]) -> tuple[str, ...]:
    refused = [_reason(f"job {each.path}: {each.reason}", each.flag) for each in job_plan.refused]
    blocking = [each for each in findings if each.severity in {Severity.UNSAFE, Severity.IMPOSSIBLE}]
    return (*refused, *(_reason(each.text, each.flag) for each in blocking))


def _reason(text: str, flag: str | None) -> str:
    return f"{text}; {flag} allows it" if flag else text


def _finished(job_plan: JobPlan, seconds: float) -> SeedFinished:
    created, updated, disabled, deleted = (
        sum(isinstance(each, kind) for each in job_plan.actions) for kind in (Create, Update, Disable, Delete)
    )
    return SeedFinished(created, updated, deleted, len(job_plan.unchanged), seconds, disabled)


def _one_at_a_time(on_event: OnEvent) -> OnEvent:
    """Let several threads report to one listener."""
    lock = threading.Lock()

    def report(event: Event) -> None:
        with lock:
            on_event(event)

    return report
