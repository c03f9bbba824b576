"""The specification of a rollout: what is taken for each field, and how the refusal names it."""

from __future__ import annotations

from dataclasses import fields

import pytest

from tests.support.fakes import NEW
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.images import MovingImage
from vmss_jenkins.model.instances import InstanceIds
from vmss_jenkins.model.releases import ExtensionSettings
from vmss_jenkins.rollout.plan.actions import Autoscale, OnFailure, Repairs, RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.selection import Amount, Scope

SCRIPT = ExtensionSettings("app")


@pytest.mark.parametrize(
    ("field", "given", "read"),
    [
        ("scope", "0, 1", Scope(InstanceIds(("0", "1")))),
        ("scope", ["2"], Scope(InstanceIds(("2",)))),
        ("canary", "25%", Amount(25, is_percent=True)),
        ("canary", 2, Amount(2)),
        ("canary", "none", None),
        ("canary", None, None),
        ("max_unavailable", 2, Amount(2)),
        ("max_surge", "3", Amount(3)),
        ("max_surge", None, None),
        ("strategy", "window", Strategy.WINDOW),
        ("on_failure", "stop", OnFailure.STOP),
        ("repairs", "keep", Repairs.KEEP),
        ("autoscale", "suspend", Autoscale.SUSPEND),
        ("moving_image", "float", MovingImage.FLOAT),
        ("wait_for_replication", 5, 5.0),
        ("rollback_to", str(NEW), NEW),
        ("rollback_to", {"id": str(NEW)}, NEW),
        ("rollback_to", SCRIPT, SCRIPT),
        ("rollback_to", None, None),
        ("max_failed", 0, 0),
        ("ids_per_call", 1, 1),
        ("pause", 0, 0.0),
        ("min_healthy_time", 5, 5.0),
        ("instance_timeout", 0.001, 0.001),
        ("timeout", 0.001, 0.001),
        ("drain", 0, 0.0),
        ("drain", None, None),
        ("idle", True, True),
    ],
)
def test_each_field_takes_what_is_clear(field: str, given: object, read: object) -> None:
    assert getattr(RolloutSpec(**{field: given}), field) == read  # type: ignore[arg-type]


AMOUNT = "wanted a count such as 1, or a percentage from 1% to 100%"


@pytest.mark.parametrize(
    ("field", "given", "reason"),
    [
        ("scope", 7, "found 7; wanted instance ids such as '0,1', or '*' for all"),
        ("canary", "0", f"found '0'; {AMOUNT}"),
        ("canary", True, f"found True; {AMOUNT}"),
        ("max_unavailable", None, f"found None; {AMOUNT}"),
        ("max_surge", "much", f"found 'much'; {AMOUNT}"),
        ("strategy", "waltz", "found 'waltz'; wanted one of waves, window, surge"),
        ("on_failure", "go on", "found 'go on'; wanted one of stop, rollback"),
        ("repairs", "off", "found 'off'; wanted one of suspend, keep"),
        ("autoscale", "", "found ''; wanted one of keep, suspend"),
        ("moving_image", "sink", "found 'sink'; wanted one of pin, float"),
        ("resolved", "nginx", "found 'nginx'; leave it out, `roll_out` looks it up"),
        ("wait_for_replication", -1, "found -1; wanted seconds, at least 0"),
        ("rollback_to", 7, "found 7; wanted an image or the settings of an extension"),
        ("max_failed", -1, "found -1; wanted a whole number, at least 0"),
        ("ids_per_call", 0, "found 0; wanted a whole number, at least 1"),
        ("pause", -1, "found -1; wanted seconds, at least 0"),
        ("min_healthy_time", "5", "found '5'; wanted seconds, at least 0"),
        ("instance_timeout", 0, "found 0; wanted seconds, at least 0.001"),
        ("timeout", 0, "found 0; wanted seconds, at least 0.001"),
        ("drain", -1, "found -1; wanted seconds, at least 0"),
        ("canary_only", "no", "found 'no'; wanted True or False"),
        ("idle", 1, "found 1; wanted True or False"),
        ("allow_unknown_autoscale", None, "found None; wanted True or False"),
    ],
)
def test_a_refusal_names_the_field_what_was_found_and_what_is_wanted(field: str, given: object, reason: str) -> None:
    with pytest.raises(ConfigError) as refused:
        RolloutSpec(**{field: given})  # type: ignore[arg-type]
    assert (refused.value.source, refused.value.reasons) == (field, (reason,))


def test_what_is_read_replaces_what_was_given_and_nothing_else_is_kept() -> None:
    assert vars(RolloutSpec()).keys() == {field.name for field in fields(RolloutSpec)}


def test_one_instance_goes_first_by_default() -> None:
    """As in the command."""
    assert RolloutSpec().canary_of(10) == 1


def test_without_a_canary_a_surge_makes_one_at_a_time() -> None:
    alone = RolloutSpec(canary=None)
    assert (alone.canary_of(10), alone.surge_of(10)) == (0, 1)
    assert (RolloutSpec(canary=Amount(3)).canary_of(10), RolloutSpec(canary=Amount(3)).surge_of(10)) == (3, 3)
    assert RolloutSpec(canary=Amount(3), max_surge=Amount(2)).surge_of(10) == 2
