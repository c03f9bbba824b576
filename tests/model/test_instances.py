from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import NEW, OLD, WEB, three_old_instances
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.instances import (
    Health,
    Instance,
    InstanceIds,
    ScaleSet,
    ScaleSetName,
    disagreement,
    has_latest_model,
    running_images,
)


@pytest.mark.parametrize("state", ["Updating", "Creating", "Deleting", "Migrating"])
def test_an_operation_runs_on_an_instance_in_these_states(state: str) -> None:
    assert replace(three_old_instances()[0], provisioning_state=state).is_updating


@pytest.mark.parametrize("state", ["Succeeded", "Failed", "Canceled"])
def test_no_operation_runs_on_an_instance_whose_last_one_ended(state: str) -> None:
    assert not replace(three_old_instances()[0], provisioning_state=state).is_updating


@pytest.mark.parametrize(
    ("given_", "ids"),
    [
        ("0,1", ("0", "1")),
        ("0, 1", ("0", "1")),
        (" 3 ,1,", ("3", "1")),
        ("1,0,1", ("1", "0")),
        ("*", ()),
        (" * ", ()),
        (["0", "2,3"], ("0", "2", "3")),
    ],
)
def test_ids_are_trimmed_in_their_order_without_duplicates(given_: str | list[str], ids: tuple[str, ...]) -> None:
    assert InstanceIds.parse(given_).ids == ids


@pytest.mark.parametrize("given_", ["", " ", ",", " , ,", []])
def test_an_empty_list_of_ids_is_refused(given_: str | list[str]) -> None:
    with pytest.raises(ConfigError, match="found no id"):
        InstanceIds.parse(given_)


def test_a_star_among_ids_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"found '\*' together with 1, 2"):
        InstanceIds.parse("1,*,2")


def test_an_id_that_does_not_exist_is_refused_with_the_ids_that_do() -> None:
    with pytest.raises(ConfigError) as refused:
        InstanceIds.parse("0,7,9").choose(three_old_instances())
    assert refused.value.reasons == (
        "no instance has the id '7'; ids that exist: 0, 1, 2",
        "no instance has the id '9'; ids that exist: 0, 1, 2",
    )


def test_a_star_chooses_all_and_ids_choose_in_their_order() -> None:
    there = three_old_instances()
    assert InstanceIds.parse("*").choose(there) == there
    assert InstanceIds.parse("2,0").choose(there) == (there[2], there[0])
    assert InstanceIds.parse("*").choose(()) == ()


def test_chosen_ids_are_shown_as_they_were_given() -> None:
    assert [str(InstanceIds.parse(given_)) for given_ in ("0,1", "*")] == ["0, 1", "*"]


def test_a_flexible_id_is_found_in_any_case() -> None:
    assert [i.id for i in InstanceIds.parse("WEB_1A").choose([Instance("web_1a")])] == ["web_1a"]


@given(st.lists(st.text(alphabet="0123456789ab ", max_size=4), min_size=1))
def test_parsed_ids_have_no_blanks_and_no_duplicates(parts: list[str]) -> None:
    try:
        ids = InstanceIds.parse(",".join(parts)).ids
    except ConfigError:
        assert not any(part.strip() for part in parts)
    else:
        assert len(set(ids)) == len(ids)
        assert all(value and value == value.strip() for value in ids)


@pytest.mark.parametrize(("group", "name", "faults"), [("", "web", 1), ("rg", " ", 1), ("", "", 2)])
def test_a_scale_set_has_a_group_and_a_name(group: str, name: str, faults: int) -> None:
    with pytest.raises(ConfigError) as refused:
        ScaleSetName(group, name)
    assert len(refused.value.reasons) == faults


HEALTHY = three_old_instances()[0]


@pytest.mark.parametrize(
    ("instance", "healthy"),
    [
        (HEALTHY, True),
        (replace(HEALTHY, health=Health.NOT_REPORTED), True),
        (replace(HEALTHY, health=Health.INITIALIZING), False),
        (replace(HEALTHY, health=Health.UNKNOWN), False),
        (replace(HEALTHY, health=Health.UNHEALTHY), False),
        (replace(HEALTHY, power="stopped"), False),
        (replace(HEALTHY, power=None), True),
        (replace(HEALTHY, provisioning_state="Updating"), False),
        (replace(HEALTHY, provisioning_state="Failed"), False),
    ],
)
def test_an_instance_is_healthy_if_it_runs_is_provisioned_and_reports_no_bad_health(
    instance: Instance, healthy: bool
) -> None:
    assert instance.is_healthy is healthy


@pytest.mark.parametrize(
    ("flag", "image", "latest"),
    [(True, OLD, True), (False, NEW, False), (None, NEW, True), (None, OLD, False), (None, None, None)],
)
def test_the_flag_decides_and_without_a_flag_the_image_does(
    flag: bool | None, image: None, latest: bool | None
) -> None:
    assert has_latest_model(Instance("0", latest_model_applied=flag, image=image), ScaleSet(WEB, NEW)) is latest


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"latest_model_applied": True, "image": NEW}, None),
        ({"latest_model_applied": False, "image": OLD}, None),
        ({"latest_model_applied": None, "image": OLD}, None),
        ({"latest_model_applied": True, "image": None}, None),
        ({"latest_model_applied": False, "image": NEW}, "something else in the model has changed since"),
        ({"latest_model_applied": True, "image": OLD}, "has the latest model by its flag, but runs another image"),
        (
            {"latest_model_applied": True, "image": OLD, "model_definition_applied": "VirtualMachine"},
            "somebody changed this instance alone",
        ),
    ],
)
def test_if_image_and_flag_contradict_each_other_the_reason_is_reported(
    changes: dict[str, object], reason: str | None
) -> None:
    found = disagreement(replace(HEALTHY, **changes), NEW)  # type: ignore[arg-type]
    assert reason in found if reason and found else found is reason


def test_without_a_model_there_is_nothing_to_disagree_with() -> None:
    assert disagreement(HEALTHY, None) is None


def test_images_are_counted_over_the_instances() -> None:
    there = three_old_instances()
    assert running_images([*there, replace(there[0], image=NEW), Instance("9")]) == {str(OLD): 3, str(NEW): 1}
