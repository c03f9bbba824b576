"""A set that follows a gallery's definition, in random sequences: versions come late, are excluded and deleted.

What the instances run, the log of the set and the emulator's record prove what is promised.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import requests
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.rollout.test_engine_stateful import Life
from tests.rollout.test_faults_emulated import KilledError
from tests.rollout.test_moving_images_emulated import context, definition, versions_in, why_missing
from tests.rollout.test_steps_emulated import WEB, Session, session
from vmss_jenkins.emulator.scenario.scenario import SCENARIOS
from vmss_jenkins.emulator.state.gallery import Version
from vmss_jenkins.errors import AzureError, ConfigError
from vmss_jenkins.events.rollout import RolloutPlanned
from vmss_jenkins.library.releases import Found, look_up
from vmss_jenkins.model.images import ImageReference, MovingImage, version_key
from vmss_jenkins.rollout.ending import Outcome, RolloutResult
from vmss_jenkins.rollout.engine import Order, run_rollout
from vmss_jenkins.rollout.plan.actions import OnFailure, RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.selection import Amount

SIZE, LIMIT = 5, 2
GALLERY = SCENARIOS["nginx-gallery"]
FIRST, BAD = "1.0.0", "1.0.4"
NEWER = ("1.0.1", "1.0.2", "1.0.3", BAD, "1.0.5")
GOOD, BROKEN = (GALLERY.releases[f"apps/nginx/1.0.{number}"] for number in (1, 2))
RELEASES = {f"apps/nginx/{one}": BROKEN if one == BAD else GOOD for one in (FIRST, *NEWER)}
COPIES = (
    "",
    "",
    "stuck region=westeurope seconds=400",
    "stuck region=westeurope seconds=4000",
    "fail region=westeurope",
)
MOMENTS = st.none() | st.integers(0, 90)
"""After how many requests of the next run something happens; None for now."""


class MovingImages(RuleBasedStateMachine):
    """One set that follows `nginx`, one command after another, whatever becomes of the versions meanwhile."""

    @initialize(
        orchestration=st.sampled_from(["Uniform", "Flexible"]),
        strategy=st.sampled_from(Strategy),
        overlaps=st.booleans(),
    )
    def begin(self, orchestration: Any, strategy: Strategy, overlaps: bool) -> None:
        self.stack = ExitStack()
        scenario = replace(
            GALLERY, releases=RELEASES, unpublished=frozenset(f"apps/nginx/{one}" for one in NEWER), instances=SIZE,
            orchestration=orchestration, parallel_operations=overlaps,
        )  # fmt: skip
        self.azure: Session = self.stack.enter_context(session(scenario, throttling=False))
        self.azure.clock.sleep(600)
        self.named, self.strategy = definition(self.azure), strategy
        self.meanwhile: list[tuple[int, Callable[[], None]]] = []
        self.home: str | None = None
        """Where a rollback with no option goes; None if a person would not know either."""

    def teardown(self) -> None:
        if hasattr(self, "stack"):
            self.stack.close()

    # -- what becomes of versions ---------------------------------------------------------------------------------

    @rule(version=st.sampled_from(NEWER), moment=MOMENTS, copy=st.sampled_from(COPIES))
    def a_version_is_published(self, version: str, moment: int | None, copy: str) -> None:
        """Its copy takes a minute, or long, or fails."""
        if copy:
            self.azure.emulator.inject(copy)
        self.happens(f"publish * * image=apps/nginx/{version}", moment)

    @rule(version=st.sampled_from([FIRST, *NEWER]), moment=MOMENTS)
    def a_version_is_deleted(self, version: str, moment: int | None) -> None:
        self.happens(f"withdraw * * image=apps/nginx/{version}", moment)

    @rule(version=st.sampled_from([FIRST, *NEWER]), excluded=st.booleans(), moment=st.none() | st.integers(0, 20))
    def a_version_is_excluded_from_latest(self, version: str, excluded: bool, moment: int | None) -> None:
        def exclude() -> None:
            if version in self.versions():
                url = f"{self.azure.emulator.endpoint}{self.named.at_version(version)}?api-version=2024-03-03"
                profile = {"excludeFromLatest": excluded, "targetRegions": [{"name": "westeurope"}]}
                body = {"location": "westeurope", "properties": {"publishingProfile": profile}}
                assert requests.patch(url, json=body, timeout=10).status_code in {200, 404, 409}

        if moment is None:
            exclude()
        else:
            self.meanwhile.append((moment, exclude))

    @rule(seconds=st.sampled_from([30.0, 600.0]))
    def time_passes(self, seconds: float) -> None:
        self.azure.clock.sleep(seconds)

    @precondition(lambda self: self.strategy is not Strategy.SURGE)
    @rule(by=st.sampled_from([1, -1]), moment=MOMENTS)
    def autoscale_changes_the_capacity(self, by: int, moment: int | None) -> None:
        self.happens(f"scale * * by={by}", moment)
        self.home = None  # a new instance may have a version that nobody chose

    def happens(self, fault: str, moment: int | None) -> None:
        """Let it happen now, or at a request of the next run."""
        self.azure.emulator.inject(f"{fault} skip={moment or 0}")
        if moment is None:
            self.azure.sets.get(WEB)

    # -- runs -----------------------------------------------------------------------------------------------------

    @rule(
        named=st.sampled_from(["definition", "definition", "model", *NEWER]),
        moving=st.sampled_from(MovingImage),
        canary=st.none() | st.integers(1, 2),
        canary_only=st.booleans(),
        on_failure=st.sampled_from(OnFailure),
        wait=st.sampled_from([None, 300.0, 5000.0]),
        kill=st.none() | st.integers(0, 60),
    )
    def a_release_is_rolled_out(
        self, named: str, moving: MovingImage, canary: int | None, canary_only: bool, on_failure: OnFailure,
        wait: float | None, kill: int | None,
    ) -> None:  # fmt: skip
        names = {"definition": self.named, "model": None}
        image = names[named] if named in names else self.named.at_version(named)
        spec = RolloutSpec(
            moving_image=moving, canary=Amount(canary) if canary else None, on_failure=on_failure,
            canary_only=canary_only and canary is not None, wait_for_replication=wait, **self.limits,
        )  # fmt: skip
        before, newest, moves = self.running(), self.newest(), (image or self.model).moves
        result, disturbed = self.run(spec, image, kill)
        self.no_unchosen_version_goes_further(result, before, disturbed, floats=moves and moving is MovingImage.FLOAT)
        if result and result.outcome is Outcome.ROLLED_OUT:
            assert isinstance(result.image, ImageReference)
            assert not moves or disturbed or result.image.exact_version == newest
            if image or not moves:  # once its name is pinned, no image means all that the model has
                self.again_changes_nothing(spec, image, result.image)
        self.home = self.home_after(before, result)

    @rule(to=st.none() | st.none() | st.sampled_from([FIRST, *NEWER]), kill=st.none() | st.integers(0, 60))
    def a_rollback_is_requested(self, to: str | None, kill: int | None) -> None:
        spec = RolloutSpec(rollback_to=self.named.at_version(to) if to else None, **self.limits)
        before, home = self.running(), self.home if to is None else None
        there = home in self.versions()
        result, disturbed = self.run(spec, None, kill, rolling_back=True)
        self.no_unchosen_version_goes_further(result, before, disturbed, floats=False)
        if home and there and kill is None and not disturbed:
            assert result, "the rollback to the version before was refused"
            assert result.outcome is Outcome.ROLLED_BACK or home == BAD
        if result and result.outcome is Outcome.ROLLED_BACK:
            assert isinstance(result.image, ImageReference)
            assert home in {None, result.image.exact_version}
            self.home = result.image.exact_version
        elif to is not None or result:
            self.home = None

    def run(
        self, spec: RolloutSpec, image: ImageReference | None, kill: int | None, *, rolling_back: bool = False
    ) -> tuple[RolloutResult | None, bool]:
        """Run one command as its user does.

        Returns:
            The result, None if it was killed or ended with an error; and whether something happened meanwhile.
        """
        azure, waiter, before = self.azure, self.azure.waiter(), self.state()
        disturbed = bool(self.meanwhile or azure.emulator.backend.armed)
        azure.events.clear()
        try:
            with self.steps_counted(kill):
                versions = versions_in(azure)
                found = Found(None, spec)
                if not rolling_back:
                    found = look_up(image, spec, lambda: azure.sets.get(WEB), lambda: versions, waiter)
                known = context(
                    azure, newest=found.newest, why_missing=why_missing(azure), run=f"run at {azure.clock.now()}"
                )
                order = Order(found.image, rolling_back=rolling_back)
                result = run_rollout(azure.sets, WEB, order, found.spec, known, waiter)
        except (KilledError, AzureError):
            return None, disturbed
        except ConfigError:
            assert disturbed or self.state() == before, "a refused run changed something"
            return None, disturbed
        finally:
            azure.emulator.withdraw()
            self.meanwhile.clear()
        self.the_last_line_and_the_log_are_true(result, before)
        return result, disturbed

    @contextmanager
    def steps_counted(self, kill: int | None) -> Iterator[None]:
        """Let things happen at their waits, and nothing of a killed program reach Azure after so many."""
        life, sleep, send = Life(kill), self.azure.clock.sleep, self.azure.sets._client.send_request
        waits = iter(range(10**9))

        def sleep_or_die(seconds: float) -> None:
            life.spend()
            now = next(waits)
            for moment, happens in self.meanwhile:
                if moment == now:
                    happens()
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

    # -- what is promised -----------------------------------------------------------------------------------------

    def the_last_line_and_the_log_are_true(self, result: RolloutResult, before: object) -> None:
        final, found = result.final, {one.id: one for one in self.azure.instances()}
        assert {*final.have_it, *final.left_out, *final.others} == found.keys()
        assert result.image
        assert all(result.image.same_as(found[key].image) for key in final.have_it)
        if result.outcome is Outcome.HALTED:
            assert result.reason
        elif result.outcome is not Outcome.CANARY:
            assert final.complete
        if self.state() != before and (result.updated or result.rolled_back):
            newest = self.azure.sets.log(WEB).read()[0]
            assert (newest.outcome, newest.release) == (result.outcome.value, str(result.image))
            assert "latest" not in newest.before
            assert not newest.before or "/versions/" in newest.before

    def no_unchosen_version_goes_further(
        self, result: RolloutResult | None, before: Counter[str], disturbed: bool, *, floats: bool
    ) -> None:
        """Each instance has a version that it had, or the one of the plan; of a moving name, a window may have more."""
        planned = [one for one in self.azure.events if isinstance(one, RolloutPlanned)]
        named = [image for one in planned for image in (one.image_from, one.image_to)]
        chosen = {image.exact_version for image in named if isinstance(image, ImageReference)}
        unchosen = {key: count for key, count in self.running().items() if key not in {*before, *chosen}}
        if not disturbed:
            assert not unchosen
        elif not floats:
            assert not unchosen or self.home is None, "nothing but autoscale may bring it"
        elif self.home is not None:
            assert sum(unchosen.values()) <= LIMIT
            assert not unchosen or result is None or result.outcome is not Outcome.ROLLED_OUT

    def again_changes_nothing(self, spec: RolloutSpec, image: ImageReference | None, got: ImageReference) -> None:
        """The same command once more: no instance is touched."""
        before = self.state()
        if got.exact_version == self.newest() or (image and not image.moves and got.exact_version in self.versions()):
            result, _ = self.run(spec, image, None)
            assert result
            assert (result.outcome, result.updated, result.removed) == (Outcome.ROLLED_OUT, (), ())
            assert self.state() == before

    def home_after(self, before: Counter[str], result: RolloutResult | None) -> str | None:
        """Where a rollback goes after a rollout that began while all instances had one version."""
        ((only, _), *others) = before.items()
        if others:
            return self.home if result and result.outcome in {Outcome.ROLLED_OUT, Outcome.HALTED} else None
        if self.running().keys() != {only}:
            return only
        return None if result and (result.updated or result.removed) else self.home

    @property
    def limits(self) -> dict[str, Any]:
        return {
            "strategy": self.strategy, "max_unavailable": Amount(LIMIT), "instance_timeout": 400.0, "timeout": 4000.0
        }  # fmt: skip

    @property
    def model(self) -> ImageReference:
        found = self.azure.sets.get(WEB).image
        assert found
        return found

    def running(self) -> Counter[str]:
        return Counter(one.image.exact_version or "" for one in self.azure.instances() if one.image)

    def state(self) -> tuple[object, ...]:
        return self.model, self.running(), len(self.azure.emulator.availability.changes("web"))

    def versions(self) -> dict[str, Version]:
        gallery = self.azure.emulator.backend.galleries["canary-rg", "apps"]
        return gallery.definitions["images", "nginx"].versions

    def newest(self) -> str | None:
        """The version that the name means, by the state of the emulator alone."""
        usable = (key for key, one in self.versions().items() if one.is_in("westeurope"))
        found = (key for key in usable if not self.versions()[key].profile["excludeFromLatest"])
        return max(found, key=version_key, default=None)

    @precondition(lambda self: hasattr(self, "azure"))
    @invariant()
    def never_more_are_down_by_our_doing_than_allowed(self) -> None:
        seen = self.azure.emulator.availability.summary(self.azure.clock.now(), "web")
        assert seen.most_down <= LIMIT


MovingImages.TestCase.settings = settings(
    max_examples=20, stateful_step_count=8, deadline=None, suppress_health_check=list(HealthCheck)
)
TestMovingImages = MovingImages.TestCase
