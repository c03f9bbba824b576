"""The shell scripts of the stages.

Build parameters are environment variables, always in double quotes. `shlex` quotes the values of vmss.yaml for the
shell; the renderer escapes the whole script for Groovy.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from vmss_jenkins.config import ScaleSetConfig
from vmss_jenkins.config.parts import Govern, Install
from vmss_jenkins.pipelines import installation
from vmss_jenkins.pipelines.model import DATA, RELEASE_NAME, RESULTS, UNCHANGED
from vmss_jenkins.pipelines.releases import ReleaseKind

RECORD = f"{DATA}/handoff.json"
NEXT = f"{DATA}/next.txt"
IMAGE_FILE = f"{DATA}/image-id.txt"
REPORT = f"{RESULTS}/report"
SUMMARY = f"{DATA}/summary.txt"
RELEASE = f"{DATA}/release.json"
"""The exact release that `resolve-image` found."""
_EXACT = f'if [ -f {RELEASE} ]; then set -- "$@" --release-file={RELEASE}; fi'
"""Without a hand-off record the release is found by the rollout itself."""
_DRY_RUN = 'if [ "$DRY_RUN" = true ]; then set -- "$@" --dry-run; fi'
_CANARY = (
    'if [ -n "$INSTANCE_IDS" ]; then set -- --canary=none --instance-ids="$INSTANCE_IDS"; '
    'else set -- --canary="$CANARY" --canary-only; fi'
)
_NEW_CANARY = 'set -- --canary="$CANARY" --canary-only'


class Commands:
    """Writes the scripts of one set's jobs.

    Args:
        scale_set: its settings.
        install: how the command is installed on the agent.
        release: the kind of release.
    """

    def __init__(self, scale_set: ScaleSetConfig, install: Install, release: ReleaseKind) -> None:
        self._set = scale_set
        self._release = release
        self._install = install
        self._command = installation.command_of(install)

    def set_up(self, *prepared: str) -> str:
        """Make an empty results directory, run the given lines, and install the command."""
        return installation.set_up(self._install, *prepared)

    def find_release(self) -> str:
        """Find the exact version that the image means now, for all later commands."""
        unchanged = f"--unchanged-file={UNCHANGED}" if self._set.schedule else ""
        files = (f"--release-file={RELEASE} --name-file={RELEASE_NAME}", unchanged)
        wait = self._set.rollout.wait_for_replication
        waits = f"--wait-for-replication={wait:.15g}s" if wait else ""
        return self._call("resolve-image", *self._release.canary.words, *self._moving(), waits, *files)

    def update(self) -> str:
        """Set the release in the model."""
        words = (*self._release.canary.words, *self._exact(), '"$@"')
        return "\n".join(["set --", _DRY_RUN, self._call(self._release.update, *words)])

    def canary(self) -> str:
        """Update the canary instances without gates; `verify_canary` asks them next."""
        new = self._release.canary.words
        words = [*new, *self._exact(), *self._how(), *self._failing(), *_files("canary"), '"$@"']
        return "\n".join([self._canary(), _DRY_RUN, self._call("rollout", *words)])

    def verify_canary(self) -> str:
        """Ask the gates: the same rollout again, which has nothing to update, and rolls back if a gate fails."""
        new = self._release.canary.words
        words = [*new, *self._exact(), *self._how(), *self._failing(), *self._gates(), *_files("verify"), '"$@"']
        return "\n".join([self._canary(), *self._with_verdicts(self._call("rollout", *words))])

    def record(self, full_job: str) -> str:
        """Write the hand-off record and the next step."""
        gates = f"--evidence={DATA}/verify.json" if self._set.gates else ""
        words = [f"--file={RECORD}", f"--next={NEXT}", f"--full-job={shlex.quote(full_job)}", gates]
        return self._call("handoff write", *words, *self._release.recorded.words)

    def check(self, rollback_job: str) -> str:
        """Compare the set with the hand-off record, and write how to roll back."""
        allow = 'if [ "$ALLOW_CHANGED" = true ]; then set -- --allow-changed; fi'
        back = f"--rollback-job={shlex.quote(rollback_job)}" if rollback_job else ""
        checked = (*self._release.checked.words, *self._exact())
        call = self._call("handoff check", f"--file={RECORD}", *checked, f"--next={NEXT}", back, '"$@"')
        return f"set --\n{allow}\n{call}"

    def rest(self) -> str:
        """Update all instances that do not have the release."""
        rest, how = self._release.full.words, (*self._how(), *self._pace(), *self._failing())
        words = ["--canary=none", *rest, *self._moving(), *how, *self._gates(), *_files("rollout"), '"$@"']
        exact = (_EXACT,) if self._release.moves else ()
        return "\n".join(["set --", _DRY_RUN, *exact, *self._with_verdicts(self._call("rollout", *words), "rollout")])

    def verify_all(self) -> str:
        """Ask the gates again, without those that compare with instances of the old release."""
        words = [*self._gates(compare=False), f"--output=json > {DATA}/verify.json"]
        return "\n".join(self._with_verdicts(self._call("verify", *words)))

    def verify_updated(self) -> str:
        """Ask the gates about the instances that the plugin's step updated."""
        words = [*self._gates(), '--instance-ids="$INSTANCE_IDS"', f"--output=json > {DATA}/verify.json"]
        return "\n".join(self._with_verdicts(self._call("verify", *words)))

    def roll_back(self) -> str:
        """Roll back to the previous release."""
        return self._call("rollback", *self._release.rollback.words, *self._how(), *_files("rollback"))

    def govern(self, own: Govern) -> str:
        """Answer what Azure asks about its own OS upgrades."""
        rollout = self._set.rollout
        words = [
            f"--canary={own.canary or 'none'} --max-unavailable={rollout.max_unavailable}",
            *(f"--deny={shlex.quote(days.strip())}" for days in own.deny),
            f"--timeout={own.timeout:.15g} --instance-timeout={rollout.instance_timeout:.15g}",
            f"--repairs={rollout.repairs}" if rollout.repairs != "suspend" else "",
            *self._gates(),
            *_files("govern"),
            '"$@"',
        ]
        return "\n".join(["set --", _DRY_RUN, *self._with_verdicts(self._call("govern", *words), "govern")])

    def report(self) -> str:
        """Make a report of the rollouts in this build, if there were any; a report that fails is no failure."""
        made = f"{self._command} report {DATA}/*.jsonl --out={REPORT} --summary={SUMMARY}"
        otherwise = "echo 'the report could not be made'"
        return f"if grep -qs rollout_planned {DATA}/*.jsonl; then\n    {made} || {otherwise}\nfi"

    def _call(self, command: str, *words: str) -> str:
        target = ['--resource-group="$RESOURCE_GROUP"', '--name="$VMSS_NAME"']
        if self._set.subscription:
            target.append(f"--subscription={shlex.quote(self._set.subscription)}")
        return " \\\n    ".join([f"{self._command} {command}", " ".join(target), *filter(None, words)])

    def _with_verdicts(self, call: str, result: str = "verify") -> Iterable[str]:
        """A command that writes the gates' verdicts; they become test results even if the command fails."""
        yield f"code=0\n{call} || code=$?"
        file, suite = f"{DATA}/{result}.json", shlex.quote(self._set.base_name)
        yield f"if [ -s {file} ]; then"
        yield f"    {self._command} junit {file} --out={DATA}/{result}.xml --suite={suite}"
        yield "fi\nexit $code"

    def _exact(self) -> Iterable[str]:
        """The file of the exact release, if its name may move."""
        return (f"--release-file={RELEASE}",) if self._release.moves else ()

    def _moving(self) -> Iterable[str]:
        floats = self._release.moves and self._set.rollout.moving_image == "float"
        return ("--moving-image=float",) if floats else ()

    def _how(self) -> Iterable[str]:
        rollout = self._set.rollout
        yield f"{self._limit()} --strategy={rollout.strategy}"
        yield f"--min-healthy-time={rollout.min_healthy_time:.15g} --instance-timeout={rollout.instance_timeout:.15g}"
        yield f"--timeout={rollout.timeout:.15g}"
        if rollout.repairs != "suspend":
            yield f"--repairs={rollout.repairs}"
        if rollout.autoscale != "keep":
            yield f"--autoscale={rollout.autoscale}"
        if rollout.drain is not None:
            yield f"--drain={rollout.drain:.15g}"

    def _limit(self) -> str:
        return '--max-surge="$MAX_SURGE"' if self._set.surges else '--max-unavailable="$MAX_UNAVAILABLE"'

    def _canary(self) -> str:
        return _NEW_CANARY if self._set.surges else _CANARY

    def _pace(self) -> Iterable[str]:
        yield f"--pause={self._set.rollout.pause:.15g} --max-failed={self._set.rollout.max_failed}"

    def _failing(self) -> Iterable[str]:
        yield '--on-failure="$ON_FAILURE"'

    def _gates(self, *, compare: bool = True) -> Iterable[str]:
        gates = self._set.gates if compare else gates_without_comparison(self._set)
        return (f"--gate={shlex.quote(gate)}" for gate in gates)


def gates_without_comparison(scale_set: ScaleSetConfig) -> tuple[str, ...]:
    """Return the gates that work when every instance has the release."""
    return tuple(gate for gate in scale_set.gates if shlex.split(gate)[0] != "compare")


def _files(name: str) -> Iterable[str]:
    yield f"--result={DATA}/{name}.json --events={DATA}/{name}.jsonl"
