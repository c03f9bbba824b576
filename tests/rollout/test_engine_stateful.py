"""Random sequences of faults, kills and foreign changes, against the emulator: its record proves what is promised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.rollout.test_faults_emulated import KilledError
from tests.rollout.test_steps_emulated import WEB, Session, session
from tests.support.cloud import IN_PLACE
from vmss_jenkins.emulator import Scenario
from vmss_jenkins.errors import AzureError
from vmss_jenkins.rollout.ending import Outcome, RolloutResult
from vmss_jenkins.rollout.engine import Order, RunContext, run_rollout
from vmss_jenkins.rollout.plan.actions import OnFailure, RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.selection import Amount

SIZE, LIMIT, PROTECTED = 7, 2, "5"
FAULTS = (
    "429 POST */manualupgrade retry-after=7",
    "429 GET */virtualMachines* count=2",
    "500 GET */virtualMachines* count=2",
    "503 GET */operations/* count=3",
    "504 POST */manualupgrade",
    "409 POST */manualupgrade",
    "reset POST */manualupgrade",
    "reset GET */operations/* count=2",
    "cut GET */virtualMachines*",
    "lost-answer POST */manualupgrade",
    "lost-answer PATCH */virtualMachineScaleSets/web",
    "stuck POST */manualupgrade seconds=300",
    "fail POST */manualupgrade instance=2",
    "never-healthy instance=3",
    "delete POST */manualupgrade instance=6",
    "scale POST */manualupgrade by=2",
    "scale POST */manualupgrade by=-1",
    "set-image GET */operations/* image=nginx-broken-image",
)
RELEASES = ("nginx-updated-image", "nginx-base-image", "nginx-broken-image")


@dataclass
class Life:
    """How long a program lives, in waits; None for as long as it wants."""

    waits: int | None

    def spend(self) -> None:
        if self.waits is not None:
            self.waits -= 1
        self.look()

    def look(self) -> None:
        if self.waits is not None and self.waits < 0:
            raise KilledError


class Rollouts(RuleBasedStateMachine):
    """One set, one command after another, whatever Azure does meanwhile."""

    @initialize(overlaps=st.booleans())
    def begin(self, overlaps: bool) -> None:
        self.stack = ExitStack()
        self.azure: Session = self.stack.enter_context(session(Scenario(instances=SIZE, parallel_operations=overlaps)))
        body = {"protectionPolicy": {"protectFromScaleIn": True, "protectFromScaleSetActions": True}}
        machines = self.azure.sets._client.virtual_machine_scale_set_vms
        machines.begin_update(  # type: ignore[call-overload]
            "canary-rg", "web", PROTECTED, {"location": "westeurope", "properties": body}, polling=False
        )
        self.azure.clock.sleep(600)

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    @rule(text=st.sampled_from(FAULTS), skip=st.integers(0, 3))
    def something_goes_wrong(self, text: str, skip: int) -> None:
        self.azure.emulator.inject(f"{text} skip={skip}")

    @rule(key=st.sampled_from(["0", "4"]))
    def an_instance_is_ill_before(self, key: str) -> None:
        """It restarts, and answers 503 from then on, until an update brings it up again."""
        self.azure.emulator.withdraw()
        self.azure.clock.sleep(600)  # what a killed program began is over, and Azure takes the restart
        if key not in {one.id for one in self.azure.instances()}:
            return
        self.azure.emulator.inject(f"never-healthy instance={key}")
        self.azure.sets._client.virtual_machine_scale_set_vms.begin_restart("canary-rg", "web", key, polling=False)
        self.azure.clock.sleep(120)
        self.azure.emulator.withdraw()

    @rule(
        image=st.sampled_from(RELEASES),
        strategy=st.sampled_from(IN_PLACE),
        canary=st.none() | st.integers(1, 2),
        on_failure=st.sampled_from(OnFailure),
        kill=st.none() | st.integers(0, 60),
    )
    def a_release_is_rolled_out(
        self, image: str, strategy: Strategy, canary: int | None, on_failure: OnFailure, kill: int | None
    ) -> None:
        spec = RolloutSpec(
            canary=Amount(canary) if canary else None,
            max_unavailable=Amount(LIMIT),
            strategy=strategy,
            on_failure=on_failure,
            instance_timeout=400.0,
            timeout=4000.0,
        )
        before = self.updates()
        try:
            with self.killed_after(kill):
                result = self.roll(spec, image)
        except KilledError:
            return
        except AzureError:
            return  # more of one kind went wrong at a time than is borne, and it said so
        finally:
            self.azure.emulator.withdraw()
        self.ended_as_promised(result, image)
        if result.outcome is Outcome.ROLLED_OUT:
            assert set((self.updates() - before).values()) <= {1}, "an instance was updated twice"

    @contextmanager
    def killed_after(self, waits: int | None) -> Iterator[None]:
        """Let nothing of the program reach Azure or wait after so many waits, as `kill -9` does."""
        life = Life(waits)
        sleep, send = self.azure.clock.sleep, self.azure.sets._client.send_request

        def sleep_or_die(seconds: float) -> None:
            life.spend()
            sleep(seconds)

        def send_or_die(*arguments: Any, **options: Any) -> Any:
            life.look()
            return send(*arguments, **options)

        self.azure.clock.sleep = sleep_or_die  # type: ignore[method-assign]
        self.azure.sets._client.send_request = send_or_die  # type: ignore[method-assign]
        try:
            yield
        finally:
            self.azure.clock.sleep = sleep  # type: ignore[method-assign]
            self.azure.sets._client.send_request = send  # type: ignore[method-assign]

    def roll(self, spec: RolloutSpec, image: str | None) -> RolloutResult:
        """Roll out; roll back for no image."""
        order = Order(self.azure.image(image)) if image else Order(rolling_back=True)
        context = RunContext(
            claims=self.azure.sets.claims(WEB), run=f"run{len(self.azure.events)}", owner="the same command"
        )
        return run_rollout(self.azure.sets, WEB, order, spec, context, self.azure.waiter())

    def updates(self) -> Counter[str]:
        return Counter(self.azure.emulator.availability.summary(self.azure.clock.now(), "web").updates)

    @rule(image=st.sampled_from(RELEASES), strategy=st.sampled_from(IN_PLACE))
    def a_rollback_is_requested(self, image: str, strategy: Strategy) -> None:
        """From whatever runs by now: often a third release."""
        spec = RolloutSpec(
            canary=None,
            max_unavailable=Amount(LIMIT),
            strategy=strategy,
            rollback_to=self.azure.image(image),
            instance_timeout=400.0,
            timeout=4000.0,
        )
        try:
            result = self.roll(spec, None)
        except AzureError:
            return
        finally:
            self.azure.emulator.withdraw()
        self.ended_as_promised(result, image)

    def the_last_line_is_true(self, result: RolloutResult) -> None:
        """The counts of the last line are what the emulator holds, and a good end lacks no wanted instance."""
        final, found = result.final, {one.id: one for one in self.azure.instances()}
        assert {*final.have_it, *final.left_out, *final.others} == found.keys()
        if result.outcome is not Outcome.HALTED:
            assert final.complete
            assert {key for key, one in found.items() if result.image and result.image.same_as(one.image)} >= set(
                final.have_it
            )

    def ended_as_promised(self, result: RolloutResult, image: str) -> None:
        self.the_last_line_is_true(result)
        found = {one.id: one for one in self.azure.instances()}
        if result.outcome is Outcome.HALTED:
            assert result.reason
            assert found.keys() - {"6"} <= result.states.keys() | {PROTECTED}
            return
        chosen = {key: one.image for key, one in found.items() if key not in result.skipped and key != PROTECTED}
        assert len(set(chosen.values())) <= 1
        if result.outcome is Outcome.ROLLED_OUT:
            assert set(chosen.values()) <= {self.azure.image(image)}

    @precondition(lambda self: hasattr(self, "azure"))
    @invariant()
    def the_record_of_the_emulator_shows_no_harm(self) -> None:
        seen = self.azure.emulator.availability.summary(self.azure.clock.now(), "web")
        assert seen.most_down <= LIMIT, "more were down by our doing than allowed"
        assert seen.protected_touched == ()


Rollouts.TestCase.settings = settings(
    max_examples=30, stateful_step_count=6, deadline=None, suppress_health_check=list(HealthCheck)
)
TestRollouts = Rollouts.TestCase
