from dataclasses import replace

import pytest

from tests.support.fakes import NEW, OLD, WEB, three_old_instances
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.instances import InstanceIds, ScaleSet, UpgradeMode
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.preview import UNDRAINED, preview
from vmss_jenkins.rollout.plan.selection import Amount, Scope

SET = ScaleSet(WEB, OLD, capacity=3)
CANARY = RolloutSpec(canary=Amount(1))


def test_a_new_release_would_change_the_model_then_the_canary_then_the_others() -> None:
    found = preview(CANARY, NEW, SET, three_old_instances())
    assert (found.changes_model, found.canary, found.others) == (True, ("0",), ("1", "2"))
    assert list(found.lines())[:3] == [
        "would set the model to nginx-updated-image",
        "would update first, as the canary: 0",
        "would update then: 1, 2; at most 1 down at a time",
    ]


def test_the_canary_alone_leaves_the_others() -> None:
    assert preview(replace(CANARY, canary_only=True), NEW, SET, three_old_instances()).others == ()


def test_what_has_the_release_counts_as_canary_and_what_is_protected_is_left() -> None:
    canary, second, third = three_old_instances()
    running = (
        replace(canary, image=NEW),
        replace(second, latest_model_applied=False, protected_from_scale_set_actions=True),
        replace(third, latest_model_applied=False),
    )
    found = preview(CANARY, NEW, replace(SET, image=NEW), running)
    assert (found.changes_model, found.canary, found.have_it, found.others) == (False, (), ("0",), ("2",))
    assert list(found.skipped) == ["1"]
    assert any("would leave 1 alone" in line for line in found.lines())


def test_a_set_whose_instances_would_all_follow_would_be_refused_unless_allowed() -> None:
    found = preview(CANARY, NEW, replace(SET, upgrade_mode=UpgradeMode.AUTOMATIC), three_old_instances())
    assert found.refused(allow_automatic_rollout=False)
    assert not found.refused(allow_automatic_rollout=True)
    assert any(line.startswith("unsafe: ") for line in found.lines())


def test_an_id_that_does_not_exist_is_told() -> None:
    spec = RolloutSpec(scope=Scope(InstanceIds.parse("7")))
    with pytest.raises(ConfigError, match="ids that exist: 0, 1, 2"):
        preview(spec, None, SET, three_old_instances())


@pytest.mark.parametrize(("drain", "noted"), [(None, True), (30.0, False)])
def test_connections_that_would_be_refused_are_told(drain: float | None, noted: bool) -> None:
    balanced = replace(SET, load_balanced=True)
    found = preview(replace(CANARY, drain=drain), NEW, balanced, three_old_instances())
    assert (UNDRAINED in found.findings) is noted
    assert not found.refused(allow_automatic_rollout=False)
