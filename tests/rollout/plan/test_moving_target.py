"""Decisions of a rollout whose model keeps a name that moves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.fakes import WEB
from vmss_jenkins.model.images import ImageReference, MovingImage, ResolvedImage
from vmss_jenkins.model.instances import Instance, ScaleSet, disagreement, has_latest_model
from vmss_jenkins.rollout.plan.actions import Action, Halt, RestoreModel, RolloutSpec, SetModel, Update
from vmss_jenkins.rollout.plan.decision import decide
from vmss_jenkins.rollout.plan.down_before import at_start
from vmss_jenkins.rollout.plan.history import History, Observed
from vmss_jenkins.rollout.plan.rollback import start
from vmss_jenkins.rollout.plan.selection import Target

NAMED = ImageReference.read(
    "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/g/providers/Microsoft.Compute"
    "/galleries/apps/images/nginx"
)
V0, V1, V2 = (NAMED.at_version(number) for number in ("1.9.0", "1.10.0", "1.11.0"))
FLOATS = ResolvedImage(NAMED, V1, floats=True)
PINNED = ResolvedImage(NAMED, V1)


def instance(number: int, image: ImageReference, *, latest: bool | None = True) -> Instance:
    return Instance(str(number), image=image, latest_model_applied=latest)


def decided(
    *instances: Instance, model: ImageReference = NAMED, resolved: ResolvedImage = FLOATS, **history: object
) -> Action:
    spec = RolloutSpec(canary=None, resolved=resolved)
    observed = Observed(ScaleSet(WEB, model), instances, {})
    began = replace(History(0.0, spec.target_of(V1, model), previous=(V0,)), **history)  # type: ignore[arg-type]
    return decide(spec, observed, began.observe(observed, 0.0), 0.0)


def test_the_name_is_sent_again_although_the_model_has_it_since_azure_notices_a_new_version_only_then() -> None:
    assert decided(instance(0, V0)) == SetModel(NAMED)
    assert isinstance(decided(instance(0, V0, latest=False), model_sent=True), Update)


def test_the_name_is_not_sent_again_if_azure_noticed_the_version_already() -> None:
    assert isinstance(decided(instance(0, V0, latest=False)), Update)
    assert not isinstance(decided(instance(0, V0, latest=False), instance(1, V1)), SetModel)


def test_a_flexible_set_shows_no_flag_so_the_name_is_sent_once_a_run() -> None:
    assert decided(instance(0, V0, latest=None)) == SetModel(NAMED)
    assert isinstance(decided(instance(0, V0, latest=None), model_sent=True), Update)


def test_a_rollback_from_a_name_that_moves_is_one_from_the_newest_version_that_runs() -> None:
    there = Observed(ScaleSet(WEB, NAMED), (instance(0, V1), instance(1, V0), instance(2, V1)), {})
    assert start(there, RolloutSpec(), None, 0.0, rolling_back=True).target.image == V1
    turned = replace(there, instances=(instance(0, V0), instance(1, V1)))
    assert start(turned, RolloutSpec(), None, 0.0, rolling_back=True).target.image == V1
    empty = Observed(ScaleSet(WEB, NAMED), (), {})
    assert start(empty, RolloutSpec(), None, 0.0, rolling_back=True).target.image == NAMED


@pytest.mark.parametrize("flag", [True, None])
def test_a_requested_rollback_never_gives_the_model_the_bad_version_first(flag: bool | None) -> None:
    """A model that floats names no version: the first PATCH goes to the version before, as from a pinned model."""
    there = Observed(ScaleSet(WEB, NAMED), (instance(0, V1, latest=flag), instance(1, V0, latest=flag)), {})
    for spec in (RolloutSpec(), RolloutSpec(rollback_to=V0)):
        history = start(there, spec, None, 0.0, rolling_back=True)
        assert decide(spec, there, history.observe(there, 0.0), 0.0) == RestoreModel(V0, "requested")


def test_the_name_is_not_sent_if_every_instance_has_the_version() -> None:
    assert not isinstance(decided(instance(0, V1), instance(1, V1)), SetModel)


def test_a_model_with_another_image_gets_the_name_or_the_exact_version() -> None:
    assert decided(instance(0, V0), model=V0) == SetModel(NAMED)
    assert decided(instance(0, V0), model=V0, resolved=PINNED) == SetModel(V1)


def test_a_pinned_model_is_not_sent_again() -> None:
    assert isinstance(decided(instance(0, V0, latest=False), model=V1, resolved=PINNED), Update)


def test_a_pinned_instance_that_ran_the_version_before_needs_no_update_whatever_its_flag_says() -> None:
    selection = at_start(
        RolloutSpec(resolved=PINNED), V1, ScaleSet(WEB, V1), [instance(0, V1, latest=False), instance(1, V0)]
    )[1]
    assert ([one.id for one in selection.have_it], [one.id for one in selection.pending]) == (["0"], ["1"])


def test_a_newer_version_halts_a_floating_rollout_with_both_named() -> None:
    action = decided(instance(0, V0), newest=V2)
    assert isinstance(action, Halt)
    assert action.reason == (
        "nginx/1.11.0 was published while nginx/1.10.0 was rolled out, and the model names the newest version: "
        "roll nginx/1.11.0 out, or roll back"
    )


def test_a_version_that_was_withdrawn_halts_it_too() -> None:
    action = decided(instance(0, V0, latest=False), newest=V0, model_sent=True)
    assert isinstance(action, Halt)
    assert action.reason == (
        "nginx means nginx/1.9.0 now, and nginx/1.10.0 was rolled out: roll nginx/1.9.0 out, or roll back"
    )


def test_nothing_is_left_of_an_image_that_was_withdrawn() -> None:
    action = decided(instance(0, V0, latest=False), newest=NAMED, model_sent=True)
    assert isinstance(action, Halt)
    assert action.reason == "no version of nginx can be used any more, and nginx/1.10.0 was rolled out: roll back"


def test_an_instance_with_a_version_that_nobody_chose_halts_it_and_is_named() -> None:
    action = decided(instance(0, V1), instance(1, V2), instance(2, V0, latest=False), model_sent=True)
    assert isinstance(action, Halt)
    assert "nginx/1.11.0 was published while nginx/1.10.0 was rolled out" in action.reason
    assert "; it is on 1:" in action.reason
    both = decided(instance(0, V1), instance(1, V2), instance(2, V2), model_sent=True)
    assert isinstance(both, Halt)
    assert "; it is on 1, 2:" in both.reason


def test_a_newer_version_that_ran_before_and_was_excluded_since_is_replaced() -> None:
    both = (instance(0, V2), instance(1, V2))
    assert decided(*both, previous=(V2,), newest=V1) == SetModel(NAMED)
    outdated = [replace(one, latest_model_applied=False) for one in both]
    assert isinstance(decided(*outdated, previous=(V2,), newest=V1, model_sent=True), Update)
    again = decided(*outdated, previous=(V2,), newest=V2, model_sent=True)
    assert isinstance(again, Halt)
    assert "nginx/1.11.0 was published while" in again.reason
    assert "; it is on 0, 1:" in again.reason


@pytest.mark.parametrize("newest", [V1, None])
def test_the_same_version_goes_on(newest: ImageReference | None) -> None:
    assert isinstance(decided(instance(0, V0, latest=False), newest=newest, model_sent=True), Update)


def test_a_newer_version_is_nothing_to_a_pinned_rollout() -> None:
    assert isinstance(
        decided(instance(0, V0, latest=False), instance(1, V2), model=V1, resolved=PINNED, newest=V2), Update
    )


def test_a_rollback_gives_the_model_the_exact_version() -> None:
    """Also if a newer version was published meanwhile: a bad release must not stay because of it."""
    history = History(
        0.0, Target(V1, by_image=True, floats_as=NAMED), previous=(V0,), cause="bad", model_sent=True, newest=V2
    )
    observed = Observed(ScaleSet(WEB, NAMED), (instance(0, V1), instance(1, V0)), {})
    assert decide(RolloutSpec(), observed, history, 0.0) == RestoreModel(V0, "bad")


def test_what_is_told_of_the_choice() -> None:
    assert FLOATS.explained == (
        "the newest version of nginx that can be used is nginx/1.10.0; the model keeps naming nginx, sent again"
    )
    passed_over = ResolvedImage(NAMED, V1, passed_over="1.11.0 is excluded from latest")
    assert passed_over.explained == (
        "the newest version of nginx that can be used is nginx/1.10.0 "
        "(newer, but passed over: 1.11.0 is excluded from latest); the model gets exactly this version"
    )


def test_a_flexible_set_does_not_show_whether_a_version_is_the_newest_one() -> None:
    there = instance(0, V1, latest=None)
    assert has_latest_model(there, ScaleSet(WEB, NAMED)) is None
    assert has_latest_model(there, ScaleSet(WEB, V0)) is False
    assert has_latest_model(there, ScaleSet(WEB, V1)) is True


def test_a_version_of_the_models_name_is_no_contradiction_but_may_be_old() -> None:
    assert disagreement(instance(0, V0), NAMED) is None
    assert disagreement(instance(0, V0, latest=False), NAMED) == (
        "the model names the newest version of nginx, and was changed or sent again since"
    )


@pytest.mark.parametrize("wrong", ["newest", "", None])
def test_what_the_model_gets_is_one_of_two_words(wrong: object) -> None:
    with pytest.raises(Exception, match="moving_image"):
        RolloutSpec(moving_image=wrong)  # type: ignore[arg-type]
    assert RolloutSpec(moving_image="float").moving_image is MovingImage.FLOAT  # type: ignore[arg-type]
