"""The shell scripts of a pair's jobs; as in `commands`, build parameters are environment variables."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from vmss_jenkins.config.pairs import PairConfig
from vmss_jenkins.config.parts import Install
from vmss_jenkins.pipelines import installation
from vmss_jenkins.pipelines.commands import RELEASE, REPORT, SUMMARY
from vmss_jenkins.pipelines.model import DATA
from vmss_jenkins.pipelines.releases import IMAGE

PENDING = f"{DATA}/pending.txt"


class PairCommands:
    """Writes the scripts of one pair's jobs.

    Args:
        pair: its settings.
        install: how the command is installed on the agent.
        rollback_job: the job that switches back.
    """

    def __init__(self, pair: PairConfig, install: Install, rollback_job: str) -> None:
        self._pair, self._install, self._rollback_job = pair, install, rollback_job
        self._command = installation.command_of(install)

    def set_up(self, *, approved: bool = False) -> str:
        """Make an empty results directory, with the release that was approved, and install the command."""
        kept = (f"printf '%s' \"$VMSS_RELEASE\" > {RELEASE}",) if approved else ()
        return installation.set_up(self._install, *kept)

    def plan(self) -> str:
        """Find the idle set, and refuse a release that cannot work."""
        return self._step("plan", *self._check(), *self._watch(), *self._idle(), f"--pending={PENDING}")

    def deploy(self) -> str:
        """Update the idle set to the release."""
        how = self._pair.rollout
        times = f"--min-healthy-time={how.min_healthy_time:.15g} --instance-timeout={how.instance_timeout:.15g}"
        return self._step("deploy", times, f"--timeout={how.timeout:.15g}", *_files("deploy"))

    def check(self) -> str:
        """Ask the gates about the idle set."""
        return self._with_verdicts("check", *self._check())

    def switch(self, *, checked: bool) -> str:
        """Switch the traffic and watch it; after a wait for approval the gates are asked again first."""
        again = () if checked else self._check()
        back = f"--back-job={shlex.quote(self._rollback_job)}"
        return self._with_verdicts("switch", *again, *self._watch(), *self._idle(), back)

    def scale_in(self) -> str:
        """Scale in the set that is idle now."""
        return self._step("scale-in", *self._idle(), *_files("scale-in"))

    def switch_by_hand(self) -> str:
        """Switch to the set in the parameter TO, without gates: this is the rollback."""
        options = (
            'if [ "$ALLOW_FEWER" = true ]; then set -- "$@" --allow-fewer; fi',
            'if [ "$DRY_RUN" = true ]; then set -- "$@" --dry-run; fi',
        )
        call = self._call("switch", '--to="$TO"', f"--summary={SUMMARY}", '"$@"')
        return "\n".join(["set --", *options, call])

    def report(self) -> str:
        """Make a report of the rollout to the idle set, if there was one; a report that fails is no failure."""
        made = f"{self._command} report {DATA}/*.jsonl --out={REPORT}"
        otherwise = "echo 'the report could not be made'"
        return f"if grep -qs rollout_planned {DATA}/*.jsonl; then\n    {made} || {otherwise}\nfi"

    def _step(self, step: str, *words: str) -> str:
        return self._call(f"blue-green {step}", IMAGE, f"--release-file={RELEASE}", *words, f"--summary={SUMMARY}")

    def _with_verdicts(self, step: str, *words: str) -> str:
        """A step that writes the gates' verdicts; they become test results even if the step fails."""
        result, suite = f"{DATA}/{step}", shlex.quote(self._pair.name)
        lines = (
            f"code=0\n{self._step(step, *words, *_files(step))} || code=$?",
            f"if [ -s {result}.json ]; then",
            f"    {self._command} junit {result}.json --out={result}.xml --suite={suite}",
            "fi\nexit $code",
        )
        return "\n".join(lines)

    def _call(self, command: str, *words: str) -> str:
        pair = self._pair
        target = [
            f"--resource-group={shlex.quote(pair.resource_group or '')}",
            f"--load-balancer={shlex.quote(pair.load_balancer)}",
            f"--blue={shlex.quote(pair.blue)} --green={shlex.quote(pair.green)}",
        ]
        for name, value in (("rule", pair.rule), ("subscription", pair.subscription)):
            target += [f"--{name}={shlex.quote(value)}"] if value else []
        return " \\\n    ".join([f"{self._command} {command}", " ".join(target), *filter(None, words)])

    def _check(self) -> Iterable[str]:
        if self._pair.test_port is not None:
            yield f"--test-port={self._pair.test_port}"
        yield from (f"--gate={shlex.quote(gate)}" for gate in self._pair.gates)

    def _watch(self) -> Iterable[str]:
        return (f"--watch={shlex.quote(gate)}" for gate in self._pair.watch)

    def _idle(self) -> Iterable[str]:
        return () if self._pair.idle is None else (f"--idle={self._pair.idle}",)


def _files(name: str) -> Iterable[str]:
    yield f"--result={DATA}/{name}.json --events={DATA}/{name}.jsonl"
