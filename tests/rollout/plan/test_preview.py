from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.rollout.plan.test_moving_target import FLOATS, NAMED, PINNED, V0, V1
from tests.support.fakes import NEW, OLD, WEB, three_old_instances
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.findings import Severity
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, Instance, InstanceIds, ScaleSet, UpgradeMode
from vmss_jenkins.model.releases import ExtensionSettings
from vmss_jenkins.rollout.plan.actions import Repairs, RolloutSpec, Strategy
from vmss_jenkins.rollout.plan.actors.table import other_actors
from vmss_jenkins.rollout.plan.headcount import Headcount
from vmss_jenkins.rollout.plan.history import History, Observed
from vmss_jenkins.rollout.plan.preview import UNDRAINED, Preview, idle_findings, preview, preview_rollback
from vmss_jenkins.rollout.plan.selection import Amount, Scope, Target
from vmss_jenkins.rollout.plan.surge.preview import SurgePreview, preview_surge

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
                "warning: 2: down with the release (unhealthy): counts as failed unless healthy within 900 s",
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


def idle(
    *instances: Instance, rolls_back: bool = False, killed: bool = False, scale_set: ScaleSet = SET, **spec: object
) -> tuple[str, ...]:
    """Why a run with these instances can do nothing: a rollout of NEW, or a rollback to OLD from NEW."""
    wanted = RolloutSpec(**{"canary": None, **spec})  # type: ignore[arg-type]
    observed = Observed(scale_set, instances, {})
    history = History(0.0, wanted.target_of(NEW, scale_set.release), cause="requested" if rolls_back else None)
    history = history.begin_rollback(OLD, "continues", 0.0) if killed else history
    found = idle_findings(wanted, observed, history)
    assert {one.severity for one in found} <= {Severity.IMPOSSIBLE}
    return tuple(one.text for one in found)


FAILED = replace(FIRST, provisioning_state="Failed", latest_model_applied=False)
KEPT = replace(FIRST, protected_from_scale_set_actions=True, latest_model_applied=False)
KEPT_BAD = replace(KEPT, image=NEW)
KEPT_FROM_SCALE_IN = replace(FIRST, protected_from_scale_in=True)
NO_NEW = "no instance can get nginx-updated-image: 0"
NO_OLD = "no instance can get nginx-base-image: 0"


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (lambda: idle(FIRST), None),
        (lambda: idle(KEPT), f"{NO_NEW}: {PROTECTED}"),
        (lambda: idle(FAILED), f"{NO_NEW}: its last operation failed (--include failed updates it anyway)"),
        (lambda: idle(KEPT, SECOND), None),
        (lambda: idle(KEPT_FROM_SCALE_IN), None),
        (lambda: idle(KEPT_FROM_SCALE_IN, strategy=Strategy.SURGE), f"{NO_NEW}: {STAYS}"),
        (lambda: idle(KEPT_FROM_SCALE_IN, SECOND, strategy=Strategy.SURGE), None),
        (lambda: idle(KEPT, scope=Scope(InstanceIds(("1",)))), None),
    ],
    ids=[
        "can be updated", "protected", "failed", "one can", "protected from scale-in", "that in a surge", "one goes",
        "not in the scope",
    ],
)  # fmt: skip
def test_a_rollout_that_can_do_nothing_is_told_before_it_begins(
    found: Callable[[], tuple[str, ...]], text: str | None
) -> None:
    assert found() == ((text,) if text else ())


@pytest.mark.parametrize("how", [{"rolls_back": True, "rollback_to": OLD}, {"killed": True}], ids=["asked", "resumed"])
@pytest.mark.parametrize(
    ("instance", "changes", "text"),
    [
        (BAD, {}, None),
        (replace(BAD, provisioning_state="Failed"), {}, None),  # a rollback takes what failed
        (KEPT_BAD, {}, f"{NO_OLD}: {PROTECTED}"),
        (KEPT, {}, None),  # it has the release
        (replace(BAD, protected_from_scale_in=True), {"strategy": Strategy.SURGE}, f"{NO_OLD}: {STAYS}"),
        (KEPT_BAD, {"scope": Scope(InstanceIds(("9",)))}, f"{NO_OLD}: {PROTECTED}"),
    ],
    ids=["bad", "failed", "protected", "good", "a surge", "all ids are meant"],
)
def test_a_rollback_that_can_do_nothing_is_told_before_it_begins(
    how: dict[str, object], instance: Instance, changes: dict[str, object], text: str | None
) -> None:
    found = idle(instance, scale_set=NEW_SET, **how, **changes)  # type: ignore[arg-type]
    assert found == ((text,) if text else ())


def test_a_rollback_finds_its_release_among_the_instances() -> None:
    good = replace(SECOND, provisioning_state="Failed", protected_from_scale_set_actions=True)
    assert idle(KEPT_BAD, rolls_back=True, scale_set=NEW_SET) == (), "the run says that none is known"
    assert idle(KEPT_BAD, good, rolls_back=True, scale_set=NEW_SET) == (), "one has it"


def test_no_instance_has_the_script_of_before_whatever_its_flag_says() -> None:
    run = History(0.0, Target(SCRIPT), cause="requested")
    latest = (replace(KEPT, latest_model_applied=True),)
    spec = RolloutSpec(rollback_to=SCRIPT_BEFORE)
    for scale_set, texts in (
        (SCRIPT_SET, [f"no instance can get bash v1.sh: 0: {PROTECTED}"]),
        (replace(SCRIPT_SET, extension=SCRIPT_BEFORE), []),  # the model has it: so the flag tells
    ):
        found = idle_findings(spec, Observed(scale_set, latest, {}), run)
        assert [one.text for one in found] == texts


def test_a_name_that_moves_is_told_with_what_it_means_and_stays_in_the_model() -> None:
    floats, pinned = (RolloutSpec(canary=None, resolved=one) for one in (FLOATS, PINNED))
    there = (replace(FIRST, image=V1), replace(SECOND, image=V0, latest_model_applied=False))
    for spec, model, first in (
        (floats, NAMED, "would set the model to nginx, which means nginx/1.10.0 now"),
        (floats, V0, "would set the model to nginx, which means nginx/1.10.0 now"),
        (pinned, V1, "would leave the model at nginx/1.10.0"),
        (pinned, NAMED, "would set the model to nginx/1.10.0"),
    ):
        lines = list(preview(spec, V1, replace(SET, image=model), there).lines())
        assert lines[0] == first
        assert spec.resolved
        assert f"note: {spec.resolved.explained}" in lines
    done = preview(floats, V1, replace(SET, image=NAMED), there[:1])
    assert next(done.lines()) == "would leave the model at nginx, which means nginx/1.10.0 now"


def test_the_images_that_run_are_counted_before_anything_changes() -> None:
    many = tuple(replace(FIRST, id=str(n), image=ImageReference(id=f"{OLDER.id}-{n}")) for n in range(10))
    for found in (preview(CANARY, NEW, SET, many), preview_rollback(BACK, NEW_SET, many)):
        assert [one.text.partition(" and ")[0] for one in found.findings if one.severity is Severity.IMPOSSIBLE] == [
            "the instances would run 11 different images"
        ]


def test_a_rollback_that_was_killed_after_it_set_the_script_goes_on_to_that_script() -> None:
    set_already = replace(SCRIPT_SET, extension=SCRIPT_BEFORE, scripts=(SCRIPT_BEFORE,))
    found = preview_rollback(RolloutSpec(), set_already, (replace(FIRST, latest_model_applied=False), SECOND))
    assert (found.image, found.changes_model) == (SCRIPT_BEFORE, False)
    assert (found.others, found.have_it) == (("0",), ("1",)), "the flag tells who ran it"


def test_a_rollback_to_nowhere_plans_nothing() -> None:
    found = preview_rollback(RolloutSpec(), NEW_SET, (BAD,))
    (blocked,) = found.findings
    assert found == Preview(
        None, changes_model=False, canary=(), others=(), have_it=(), skipped={}, at_most_down=0, findings=(blocked,),
        rolling_back=True,
    )  # fmt: skip


B1, B2 = {"size": "Standard_B1s"}, {"size": "Standard_B2s"}
WHOLE = "an update brings the whole model, not only the release: size Standard_B1s, in the model Standard_B2s"
UNSHOWN = (
    "the image is the model's already, and the model has changed in what Azure does not show of an instance, such as "
    "custom data, secrets or extensions"
)


@pytest.mark.parametrize(
    ("image", "changes", "told"),
    [
        (OLD, {"latest_model_applied": False, "settings": B1}, f"0, 1: {WHOLE}"),
        (OLD, {"latest_model_applied": False, "settings": B2}, f"0, 1: {UNSHOWN}"),
        (OLD, {"latest_model_applied": True, "settings": B1}, None),
        (NEW, {"latest_model_applied": False, "settings": B1}, f"0, 1: {WHOLE}"),
        (NEW, {"latest_model_applied": False, "settings": B2}, None),
    ],
)
def test_what_an_update_brings_beside_the_release_is_told(
    image: ImageReference, changes: dict[str, Any], told: str | None
) -> None:
    instances = [replace(one, image=OLD, **changes) for one in (FIRST, SECOND)]
    found = preview(CANARY, None, replace(SET, image=image, settings=B2), instances)
    notes = [one.text for one in found.findings if one.text.startswith("0, 1: ")]
    assert notes == ([told] if told else [])


@pytest.mark.parametrize("strategy", list(Strategy))
@pytest.mark.parametrize("repairs", list(Repairs))
def test_a_dry_run_warns_of_repairs_that_are_kept_if_there_is_something_to_do(
    strategy: Strategy, repairs: Repairs
) -> None:
    told = (
        "warning: automatic repairs of canary-rg/web: kept: an ill instance may get the new release before it is judged"
    )
    kept = repairs is Repairs.KEEP
    there = replace(SET, services=("AutomaticRepairs",))
    spec = replace(CANARY, repairs=repairs, strategy=strategy)
    if strategy is Strategy.SURGE:
        seen = Observed(there, (FIRST, SECOND), {})
        lines = [*preview_surge(spec, NEW, seen, Headcount(2, 2, 2), ()).lines()]
    else:
        lines = [*preview(spec, NEW, there, (FIRST, SECOND)).lines()]
        rollback = preview_rollback(replace(spec, rollback_to=NEW), there, (FIRST, SECOND))
        assert kept == (told in [*rollback.lines()])
    assert kept == (told in lines)
    assert not [line for line in preview(spec, OLD, there, ()).lines() if "automatic repairs" in line]


@pytest.mark.parametrize("strategy", list(Strategy))
def test_a_dry_run_names_each_other_actor_before_its_findings(strategy: Strategy) -> None:
    there = replace(SET, upgrade_mode=UpgradeMode.AUTOMATIC)
    spec = replace(CANARY, strategy=strategy)
    actors = other_actors(spec, there, (), ())
    plan: Preview | SurgePreview = preview(spec, NEW, there, (FIRST, SECOND))
    if strategy is Strategy.SURGE:
        plan = preview_surge(spec, NEW, Observed(there, (FIRST, SECOND), {}), Headcount(2, 2, 2), ())
    lines = [*replace(plan, actors=actors).lines()]
    said = (
        "also acts: upgrade mode Automatic may update every instance as soon as the model changes: a change of the "
        "model is refused without --allow-automatic-rollout"
    )
    first = next(number for number, line in enumerate(lines) if line.startswith("unsafe: "))
    assert lines.index(said) == first - 1
