from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.fakes import NEW, OLD, WEB, three_old_instances
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, InstanceIds, ScaleSet, UpgradeMode
from vmss_jenkins.model.releases import ExtensionSettings
from vmss_jenkins.rollout.plan.actions import RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.preview import UNDRAINED, Preview, preview, preview_rollback
from vmss_jenkins.rollout.plan.selection import Amount, Scope

SET = ScaleSet(WEB, OLD, capacity=3)
CANARY = RolloutSpec(canary=Amount(1))
SURGE = RolloutSpec(canary=None, strategy=Strategy.SURGE)
BACK = RolloutSpec(rollback_to=OLD, max_unavailable=Amount(2))
FIRST, SECOND, THIRD = three_old_instances()
BAD = replace(FIRST, image=NEW)
OLDER = ImageReference(id=str(OLD.id).replace("base", "older"))
NEW_SET = replace(SET, image=NEW)
SCRIPT, SCRIPT_BEFORE = (
    ExtensionSettings.of({"commandToExecute": f"bash {name}.sh"}, name="app") for name in ("v2", "v1")
)
SCRIPT_SET = replace(SET, scripts=(SCRIPT,), extension=SCRIPT, extension_before=SCRIPT_BEFORE)
PROTECTED = "protected from scale set actions: Azure does not update it"
STAYS = "protected from scale-in: it stays, with the release that it runs"
STOPPED = "is stopped (--include deallocated updates it anyway)"


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (
            lambda: preview(
                RolloutSpec(canary=None), None, replace(SET, image=None), (replace(FIRST, latest_model_applied=False),)
            ),
            [
                "would leave the model at the release of the model",
                "would update first, as the canary: none",
                "would update then: 0; at most 1 down at a time",
            ],
        ),
        (
            lambda: preview(CANARY, OLD, SET, (FIRST, SECOND)),
            [
                "would leave the model at nginx-base-image",
                "would update first, as the canary: none",
                "would update then: none; at most 1 down at a time",
                "have the release already: 0, 1",
            ],
        ),
        (
            lambda: preview(CANARY, NEW, SET, (replace(FIRST, health=Health.UNHEALTHY), SECOND, THIRD)),
            [
                "would set the model to nginx-updated-image",
                "would update before, since they are down: 0",
                "would update first, as the canary: 1",
                "would update then: 2; at most 1 down at a time",
                "note: 0 (unhealthy) was down before the rollout: updated first, and not counted as unavailable",
            ],
        ),
        (
            lambda: preview(
                CANARY,
                NEW,
                SET,
                (
                    replace(FIRST, protected_from_scale_set_actions=True),
                    replace(SECOND, power="stopped"),
                    replace(THIRD, protected_from_scale_set_actions=True),
                ),
            ),
            [
                "would set the model to nginx-updated-image",
                "would update first, as the canary: none",
                "would update then: none; at most 1 down at a time",
                f"would leave 0 alone: {PROTECTED}",
                f"would leave 1 alone: {STOPPED}",
                f"would leave 2 alone: {PROTECTED}",
                f"impossible: no instance can get nginx-updated-image: 0, 2: {PROTECTED}; 1: {STOPPED}",
            ],
        ),
        (
            lambda: preview(SURGE, NEW, SET, (replace(FIRST, protected_from_scale_in=True), SECOND)),
            [
                "would set the model to nginx-updated-image",
                "would update first, as the canary: none",
                "would update then: 1; at most 1 down at a time",
                f"would leave 0 alone: {STAYS}",
            ],
        ),
        (
            lambda: preview(
                replace(CANARY, canary=Amount(3)),
                NEW,
                SET,
                (
                    *(replace(THIRD, id=key, health=Health.UNHEALTHY) for key in ("0", "1")),
                    replace(FIRST, id="2", image=NEW, health=Health.UNHEALTHY),
                    *(replace(THIRD, id=key, zone=zone) for key, zone in zip("34567", "11232", strict=True)),
                ),
            ),
            [
                "would set the model to nginx-updated-image",
                "would update before, since they are down: 0, 1",
                "would update first, as the canary: 5, 3",
                "would update then: 6, 4, 7; at most 1 down at a time",
                "have the release already: 2",
                (
                    "note: 0 (unhealthy), 1 (unhealthy) were down before the rollout: updated first, and not counted "
                    "as unavailable"
                ),
            ],
        ),
        (
            lambda: preview(CANARY, SCRIPT_BEFORE, SCRIPT_SET, (FIRST, SECOND)),
            [
                "would set the model to bash v1.sh",
                "would update first, as the canary: 0",
                "would update then: 1; at most 1 down at a time",
            ],
        ),
    ],
    ids=["of the model", "as it is", "one is down", "nothing to do", "surge", "several", "script"],
)
def test_the_lines_of_a_dry_run(found: Callable[[], Preview], lines: list[str]) -> None:
    assert list(found().lines()) == lines


@pytest.mark.parametrize(
    ("found", "lines"),
    [
        (
            lambda: preview_rollback(RolloutSpec(), NEW_SET, (BAD, replace(SECOND, image=NEW), THIRD)),
            [
                "would roll the model back to nginx-base-image",
                "would update: 0, 1 (nginx-updated-image); at most 1 down at a time",
                "have the release already: 2",
            ],
        ),
        (
            lambda: preview_rollback(BACK, NEW_SET, (BAD, replace(SECOND, image=OLDER), replace(THIRD, image=NEW))),
            [
                "would roll the model back to nginx-base-image",
                "would update: 0, 2 (nginx-updated-image); 1 (nginx-older-image); at most 2 down at a time",
            ],
        ),
        (
            lambda: preview_rollback(
                replace(BACK, strategy=Strategy.SURGE),
                NEW_SET,
                (BAD, replace(SECOND, image=NEW, protected_from_scale_in=True), THIRD),
            ),
            [
                "would roll the model back to nginx-base-image",
                "would replace: 0 (nginx-updated-image); none down at a time",
                "have the release already: 2",
                f"would leave 1 alone: {STAYS}",
            ],
        ),
        (
            lambda: preview_rollback(RolloutSpec(), NEW_SET, (BAD, replace(SECOND, image=NEW))),
            [
                (
                    "impossible: the release to roll back to is not known: no instance runs another image: give the "
                    "image to roll back to with --to IMAGE_ID"
                )
            ],
        ),
        (
            lambda: preview_rollback(BACK, SET, (FIRST, SECOND)),
            [
                "would leave the model at nginx-base-image",
                "would update: none; at most 2 down at a time",
                "have the release already: 0, 1",
            ],
        ),
        (
            lambda: preview_rollback(BACK, NEW_SET, (replace(BAD, provisioning_state="Failed"), SECOND)),
            [
                "would roll the model back to nginx-base-image",
                "would update: 0 (nginx-updated-image); at most 2 down at a time",
                "have the release already: 1",
            ],
        ),
        (
            lambda: preview_rollback(
                BACK, replace(NEW_SET, load_balanced=True), (BAD, replace(SECOND, image=NEW, power="stopped"))
            ),
            [
                "would roll the model back to nginx-base-image",
                "would update: 0 (nginx-updated-image); at most 2 down at a time",
                f"would leave 1 alone: {STOPPED}",
                f"note: {UNDRAINED.text}",
            ],
        ),
        (
            lambda: preview_rollback(RolloutSpec(), SCRIPT_SET, (FIRST, SECOND)),
            ["would roll the model back to bash v1.sh", "would update: 0, 1; at most 1 down at a time"],
        ),
        (
            lambda: preview_rollback(BACK, NEW_SET, (replace(BAD, protected_from_scale_set_actions=True),)),
            [
                "would roll the model back to nginx-base-image",
                "would update: none; at most 1 down at a time",
                f"would leave 0 alone: {PROTECTED}",
                f"impossible: no instance can get nginx-base-image: 0: {PROTECTED}",
            ],
        ),
        (
            lambda: preview_rollback(BACK, replace(SET, provisioning_state="Deleting"), (FIRST,)),
            [
                "would leave the model at nginx-base-image",
                "would update: none; at most 1 down at a time",
                "have the release already: 0",
                "impossible: scale set canary-rg/web is being deleted",
            ],
        ),
    ],
    ids=["found", "of two", "surge", "unknown", "done", "failed", "balanced", "script", "nothing to do", "deleted"],
)
def test_the_lines_of_the_dry_run_of_a_rollback(found: Callable[[], Preview], lines: list[str]) -> None:
    assert list(found().lines()) == lines
    assert found().refused(allow_automatic_rollout=True) is any(line.startswith("impossible: ") for line in lines)


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
    spec = RolloutSpec(canary=None, scope=Scope(InstanceIds.parse("7")))
    with pytest.raises(ConfigError, match="ids that exist: 0, 1, 2"):
        preview(spec, None, SET, three_old_instances())


@pytest.mark.parametrize(("drain", "noted"), [(None, True), (30.0, False)])
def test_connections_that_would_be_refused_are_told(drain: float | None, noted: bool) -> None:
    balanced = replace(SET, load_balanced=True)
    found = preview(replace(CANARY, drain=drain), NEW, balanced, three_old_instances())
    assert (UNDRAINED in found.findings) is noted
    assert UNDRAINED.text not in {one.text for one in preview(CANARY, OLD, balanced, three_old_instances()).findings}
    assert not found.refused(allow_automatic_rollout=False)
