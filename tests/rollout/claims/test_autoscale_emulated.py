"""Autoscale is switched off while a rollout changes a set, on request: through the real SDK, against the emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import requests

from tests.rollout.claims.test_release_emulated import release
from tests.rollout.claims.test_suspension_emulated import BAD, NEW, OLD, REPAIRS, Life, LooksAtRepairs, Passed, roll
from tests.rollout.test_steps_emulated import WEB, Session, session
from tests.support.cloud import Killed
from vmss_jenkins.emulator import Scenario
from vmss_jenkins.emulator.arm.role import Role
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.rollout.ending import Outcome
from vmss_jenkins.rollout.plan.actions import Autoscale, Strategy

SETTING = "providers/Microsoft.Insights/autoscalesettings/by-cpu"
PROFILE = {"name": "default", "capacity": {"minimum": "2", "default": "3", "maximum": "5"}, "rules": []}
OFF: dict[str, Any] = {"autoscale": Autoscale.SUSPEND}


def url(azure: Session) -> str:
    emulator = azure.emulator
    group = f"{emulator.endpoint}/subscriptions/{emulator.subscription_id}/resourceGroups/canary-rg"
    return f"{group}/{SETTING}?api-version=2022-10-01"


def setting(azure: Session) -> dict[str, Any]:
    found: dict[str, Any] = requests.get(url(azure), timeout=10).json()
    return found


@contextmanager
def scaled(*, enabled: bool = True, **scenario: Any) -> Iterator[Session]:
    """A set with an autoscale setting."""
    with session(Scenario(instances=3, **scenario)) as azure:
        properties = {"targetResourceUri": azure.sets.get(WEB).id, "profiles": [PROFILE], "enabled": enabled}
        body = {"location": "westeurope", "tags": {"team": "web"}, "properties": properties}
        assert requests.put(url(azure), json=body, timeout=10).status_code == 201
        yield azure


def is_on(azure: Session) -> bool:
    return bool(setting(azure)["properties"]["enabled"])


def told(azure: Session) -> list[str]:
    texts = [one.finding.text for one in azure.events if isinstance(one, PreflightFound)]
    return [text for text in texts if "autoscale" in text]


class Looks(LooksAtRepairs):
    """A gate that notes whether autoscale is off while it measures."""

    def assess(self, stage: str, instance_ids: Any, before: Any = None) -> Passed:
        self.seen.append(not is_on(self.azure))
        return Passed()


@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize(("image", "outcome"), [(NEW, Outcome.ROLLED_OUT), (BAD, Outcome.ROLLED_BACK)])
def test_autoscale_is_off_in_the_middle_and_as_it_was_at_the_end(
    image: str, outcome: Outcome, strategy: Strategy
) -> None:
    with scaled() as azure:
        before, gate = setting(azure), Looks(azure)
        assert roll(azure, image, strategy=strategy, gates=gate, **OFF).outcome is outcome
        assert setting(azure) == before
        assert all(gate.seen)
        assert bool(gate.seen) == (image == NEW)
        assert told(azure) == [
            "autoscale of canary-rg/web: suspended until the end of this run",
            "autoscale: on again",
        ]


def test_a_surge_is_refused_while_autoscale_is_kept_and_nothing_is_changed() -> None:
    with scaled() as azure:
        with pytest.raises(ConfigError, match="Give --autoscale suspend to switch it off until the end"):
            roll(azure, NEW, strategy=Strategy.SURGE)
        assert is_on(azure)
        assert azure.sets.get(WEB).image == azure.image(OLD)


def test_without_the_request_autoscale_goes_on() -> None:
    with scaled() as azure:
        gate = Looks(azure)
        assert roll(azure, NEW, gates=gate).outcome is Outcome.ROLLED_OUT
        assert not any(gate.seen)
        assert told(azure) == []


def test_a_setting_that_somebody_else_switched_off_stays_off() -> None:
    with scaled(enabled=False) as azure:
        assert roll(azure, NEW, **OFF).outcome is Outcome.ROLLED_OUT
        assert not is_on(azure)
        assert told(azure) == []


def test_what_somebody_changes_of_the_setting_meanwhile_stays_changed() -> None:
    with scaled() as azure:

        class Changes(Looks):
            def assess(self, stage: str, instance_ids: Any, before: Any = None) -> Passed:
                now = setting(azure)
                now["properties"]["profiles"][0]["capacity"]["maximum"] = "9"
                requests.put(url(azure), json=now, timeout=10)
                return super().assess(stage, instance_ids, before)

        roll(azure, NEW, gates=Changes(azure), **OFF)
        assert is_on(azure)
        assert setting(azure)["properties"]["profiles"][0]["capacity"]["maximum"] == "9"


@pytest.mark.parametrize("later", ["rollout", "rollback", "release-claim"])
@pytest.mark.parametrize("waits", [0, 2, 5, 9])
def test_after_kill_9_autoscale_and_repairs_are_resumed(waits: int, later: str) -> None:
    """The later command does not need the option."""
    with scaled(repairs="Replace") as azure:
        with pytest.raises(Killed):
            roll(azure, NEW, Life(azure, waits), strategy=Strategy.SURGE, **OFF)
        azure.emulator.withdraw()
        azure.clock.sleep(9000)
        if later == "release-claim":
            release(azure)
        else:
            again = NEW if later == "rollout" else None
            back = None if again else azure.image(OLD)
            roll(azure, again, owner="another command", rollback_to=back, strategy=Strategy.SURGE, **OFF)
        assert is_on(azure)
        assert REPAIRS not in azure.sets.services(WEB).suspended()


def test_without_the_action_in_the_role_nothing_is_changed() -> None:
    action = "Microsoft.Insights/autoscaleSettings/write"
    with scaled() as azure:
        role = Role.parse(json.dumps({"Actions": ["*"], "NotActions": [action]}))
        azure.emulator.backend.scenario = replace(azure.emulator.backend.scenario, role=role)
        with pytest.raises(ConfigError, match=action) as refused:
            roll(azure, NEW, **OFF)
        assert "--autoscale keep" in str(refused.value)
        assert azure.sets.get(WEB).image == azure.image(OLD)
        assert is_on(azure)


def test_a_failure_to_switch_it_on_is_told_and_the_next_run_does_it() -> None:
    with scaled() as azure:
        azure.emulator.inject("409 PUT */autoscalesettings/* skip=1 count=50")
        roll(azure, NEW, **OFF)
        assert not is_on(azure)
        assert "az monitor autoscale update --enabled true" in told(azure)[-1]
        azure.emulator.withdraw()
        roll(azure, NEW)
        assert is_on(azure)
