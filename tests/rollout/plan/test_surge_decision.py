"""What a surge is made of, by tables: who goes first, how many there are to be, what is in the way, what it tells."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rollout.plan.test_moving_target import V1 as V1_OF_GALLERY
from tests.support.fakes import NEW, OLD, WEB
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.automation.policies import Automation
from vmss_jenkins.model.automation.scale_in import ScaleInPolicy, ScaleInRule
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, Instance, InstanceIds, OrchestrationMode, ScaleSet, UpgradeMode
from vmss_jenkins.model.releases import ExtensionSettings, Release
from vmss_jenkins.rollout.plan.actions import Action, Autoscale, Halt, Remove, RolloutSpec, ScaleOut, Strategy, Wait
from vmss_jenkins.rollout.plan.headcount import Headcount
from vmss_jenkins.rollout.plan.history import GateResult, History, Observed, OperationState, Stage
from vmss_jenkins.rollout.plan.preview import UNDRAINED
from vmss_jenkins.rollout.plan.selection import Amount, Scope, Target
from vmss_jenkins.rollout.plan.surge.checks import ALLOW_UNKNOWN_AUTOSCALE, findings, largest, refused
from vmss_jenkins.rollout.plan.surge.decision import choose
from vmss_jenkins.rollout.plan.surge.preview import SurgePreview, preview_surge
from vmss_jenkins.rollout.plan.surge.scale_in import order
from vmss_jenkins.rollout.plan.surge.situation import survey


def made(key: str, zone: str | None = None, age: float = 0.0, domain: int = 0, *, well: bool = True) -> Instance:
    return Instance(
        key,
        zone=zone,
        fault_domain=domain,
        image=OLD,
        latest_model_applied=True,
        power="running",
        health=Health.HEALTHY if well else Health.UNHEALTHY,
        created=1000.0 - age,
    )


def going(policy: ScaleInPolicy, *instances: Instance) -> str:
    return " ".join(one.id for one in order(policy, instances, instances))


NEWEST, OLDEST = ScaleInPolicy(ScaleInRule.NEWEST), ScaleInPolicy(ScaleInRule.OLDEST)


@pytest.mark.parametrize(
    ("policy", "gone"), [(ScaleInPolicy(), "10 9 2"), (NEWEST, "10 9 2"), (OLDEST, "2 9 10")], ids=str
)
def test_the_newest_go_first_or_the_oldest_and_ids_tell_where_the_ages_are_one(
    policy: ScaleInPolicy, gone: str
) -> None:
    assert going(policy, made("9"), made("10"), made("2")) == gone
    assert going(policy, made("9", age=2), made("10", age=1), made("2", age=3)) == gone


def test_ids_of_words_are_taken_for_younger_than_numbers() -> None:
    assert going(NEWEST, made("7"), made("a")) == "a 7"
    assert going(OLDEST, made("a"), made("7")) == "7 a"


@pytest.mark.parametrize("policy", [ScaleInPolicy(), NEWEST, OLDEST], ids=str)
def test_the_fullest_zone_is_the_first_whatever_the_rule(policy: ScaleInPolicy) -> None:
    assert going(policy, made("0", "1"), made("1", "2"), made("2", "2"), made("3", "2")).split()[0] in {"1", "2", "3"}
    first = order(policy, [made("0", "1"), made("1", "2")], [made("0", "1"), made("1", "2"), made("5", "1")])[0]
    assert first.id == "0", "those that stay count too"


def test_by_default_the_fullest_fault_domain_of_a_zone_is_the_first() -> None:
    instances = (made("0", domain=1), made("1", domain=1), made("2", domain=2))
    assert going(ScaleInPolicy(), *instances) == "1 2 0"
    assert going(NEWEST, *instances) == "2 1 0"


def test_the_unhealthy_go_first_only_where_the_policy_says_so() -> None:
    instances = (made("0", well=False), made("1"))
    assert going(ScaleInPolicy(prioritize_unhealthy=True), *instances) == "0 1"
    assert going(ScaleInPolicy(), *instances) == "1 0"


@pytest.mark.parametrize(
    ("count", "capacity", "wanted"),
    [
        (Headcount(3, 3, 4), 3, 3),
        (Headcount(3, 3, 4), 4, 3),
        (Headcount(3, 3, 4), 6, 6),
        (Headcount(3, 4, 4), 6, 5),
        (Headcount(3, 4, 4), 3, 3),
        (Headcount(3, 4, 4), 2, 2),
        (Headcount(3, 3, 6), 5, 3),
        (Headcount(3, 4, 4), 0, 0),
    ],
)
def test_what_somebody_adds_is_wanted_and_what_somebody_takes_is_surplus_first(
    count: Headcount, capacity: int, wanted: int
) -> None:
    assert count.seen(capacity).wanted == wanted


def test_a_change_of_the_capacity_is_asked_for_then_accepted_or_refused() -> None:
    asked = Headcount.of(3).asking(3, 4, 7.0)
    assert asked == Headcount(3, 3, 4, 7.0, answered=False)
    assert asked.accepted() == Headcount(3, 4, 4, 7.0, answered=True)
    assert asked.refused() == Headcount(3, 3, 3, 7.0, answered=True)


@pytest.mark.parametrize(
    ("capacity", "found"),
    [
        (3, Headcount(3, 3, 4, 7.0, answered=False)),  # no answer yet, and nothing to see
        (4, Headcount(3, 4, 4, 7.0, answered=True)),  # the read shows that Azure took it
        (5, Headcount(5, 5, 5, 7.0)),  # somebody scaled the set
        (2, Headcount(2, 2, 2, 7.0)),
    ],
)
def test_a_read_shows_whether_azure_took_a_change_whose_answer_was_lost(capacity: int, found: Headcount) -> None:
    assert Headcount(3, 3, 4, 7.0, answered=False).seen(capacity) == found


def test_an_answered_change_is_seen_as_it_was_written() -> None:
    for capacity in (3, 4):
        assert Headcount(3, 3, 4, 7.0).seen(capacity) == Headcount(3, 3, 4, 7.0)


numbers = st.integers(0, 10**6 - 1)


@given(numbers, numbers, numbers)
def test_what_is_written_down_is_read_again(wanted: int, before: int, asked: int) -> None:
    count = Headcount(wanted, before, asked, 5.0, answered=False)
    assert Headcount.parse(count.text()) == Headcount(wanted, before, asked)


@pytest.mark.parametrize(
    "text", ["", "wanted=3", "wanted=x before=3 asked=4", "wanted=٣ before=3 asked=4", "until=5 back= owner=job"]
)
def test_what_is_no_headcount_is_not_taken_for_one(text: str) -> None:
    assert Headcount.parse(text) is None


def chosen(
    *instances: Instance, wanted: int = 3, policy: ScaleInPolicy = OLDEST, rolls_back: bool = False, **how: object
) -> Action:
    """What a surge does with these instances, all of them judged; NEW ones have the release, or the bad one."""
    scale_set = ScaleSet(WEB, OLD if rolls_back else NEW, capacity=len(instances), scale_in=policy)
    there = [replace(one, latest_model_applied=one.image is NEW) for one in instances]
    observed = Observed(scale_set, tuple(there), dict.fromkeys((one.id for one in there), 100.0))
    count = Headcount(wanted, len(there), len(there))
    history = History(0.0, Target(NEW), headcount=count, model_set=True)
    history = history.begin_rollback(OLD, "bad", 100.0) if rolls_back else history
    history = history.observe(observed, 100.0)
    ids = tuple(one.id for one in there)
    history = history.add_gate(GateResult(Stage.BATCH, ids, Consequence.GO_ON, 100.0))
    spec = RolloutSpec(strategy=Strategy.SURGE, **how)  # type: ignore[arg-type]
    return choose(spec, observed, history, survey(spec, observed, history, 101.0), 101.0)


def new(key: str, zone: str | None = None) -> Instance:
    return replace(made(key, zone), image=NEW)


def test_bad_ones_are_deleted_at_once_in_a_rollback_and_old_ones_after_all_that_may_be_made() -> None:
    bad, good = [new("3"), new("4")], [made("0"), made("1")]
    assert chosen(*bad, *good, rolls_back=True, max_surge=Amount(2)) == Remove(("3",))
    assert chosen(*bad, *good, max_surge=Amount(2)) == ScaleOut(1)


def in_rollback(*instances: Instance, operation: OperationState | None = None, **changes: object) -> Action:
    """What a rollback that began at 100 s does at 300 s with these instances; ids from 7 are those that it made."""
    there = [replace(one, latest_model_applied=one.image is OLD) for one in instances]
    scale_set = ScaleSet(WEB, OLD, capacity=len(there))
    observed = Observed(scale_set, tuple(there), dict.fromkeys((one.id for one in there), 300.0))
    observed = replace(observed, operations=(operation,) if operation else ())
    history = History(0.0, Target(NEW), headcount=Headcount(3, len(there), len(there)), model_set=True)
    history = history.begin_rollback(OLD, "bad", 100.0)
    history = history.creating([one for one in there if one.id >= "7"], 110.0, 110.0)
    history = replace(history.observe(observed, 300.0), model_set=True, **changes)  # type: ignore[arg-type]
    spec = RolloutSpec(strategy=Strategy.SURGE, instance_timeout=150.0)
    return choose(spec, observed, history, survey(spec, observed, history, 300.0), 300.0)


FAILED = replace(made("7"), provisioning_state="Failed", error="no disk")
ILL = made("7", well=False)
BAD = new("3")
STUCK = "the rollback failed too:"
DELETING = replace(made("5"), provisioning_state="Deleting")


@pytest.mark.parametrize(
    ("instances", "reason"),
    [
        ((made("0"), made("1"), FAILED), "all but 1 instance(s): 7: could not be created: no disk"),
        ((made("0"), made("1"), ILL), "all but 1 instance(s): 7: not healthy after 150 s"),
        ((made("0"), made("1"), FAILED, BAD), f"{STUCK} 1 instance(s) failed: 7: could not be created: no disk"),
        ((made("0"), made("1"), ILL, BAD), f"{STUCK} 1 instance(s) failed: 7: not healthy after 150 s"),
        (
            (made("0"), FAILED, replace(ILL, id="8"), BAD, new("4")),
            f"{STUCK} 2 instance(s) failed: 7: could not be created: no disk; 8: not healthy after 150 s",
        ),
    ],
)
def test_a_rollback_that_has_done_what_it_can_halts_with_the_failed_ones(
    instances: tuple[Instance, ...], reason: str
) -> None:
    """A bad instance that serves is not deleted while no more than wanted serve."""
    action = in_rollback(*instances)
    assert isinstance(action, Halt)
    assert action.reason == reason
    assert action.states.keys() == {one.id for one in instances}


@pytest.mark.parametrize(
    ("instances", "changes"),
    [
        ((made("0"), made("1"), FAILED, BAD, DELETING), {}),
        ((made("0"), made("1"), FAILED, BAD), {"held_until": 400.0}),
        ((made("0"), made("1"), made("2"), replace(BAD, provisioning_state="Updating")), {}),
    ],
    ids=["Azure deletes one", "Azure asked to wait", "none failed"],
)
def test_a_rollback_that_can_still_go_on_waits(instances: tuple[Instance, ...], changes: dict[str, object]) -> None:
    assert isinstance(in_rollback(*instances, **changes), Wait)  # type: ignore[arg-type]


@pytest.mark.parametrize(("began", "halts"), [(90.0, False), (100.0, True), (120.0, True)])
def test_an_earlier_request_for_instances_that_fails_during_a_rollback_is_no_fault_of_it(
    began: float, halts: bool
) -> None:
    operation = OperationState((), ended=200.0, error="AllocationFailed: no room", resizes=True, began=began)
    action = in_rollback(made("0"), made("1"), made("2"), new("3"), operation=operation)
    assert isinstance(action, Halt) is halts
    assert halts or action == Remove(("3",))


@pytest.mark.parametrize("kind", ["protected_from_scale_in", "protected_from_scale_set_actions"])
def test_a_new_one_that_is_too_many_and_protected_stays(kind: str) -> None:
    kept = replace(new("1", None), **{kind: True})  # type: ignore[arg-type]
    assert chosen(new("0"), kept, wanted=1) == Remove(("0",))
    assert isinstance(chosen(kept, replace(kept, id="2"), wanted=1), Wait)


def test_none_that_alone_serves_its_zone_goes_before_the_others() -> None:
    zones = made("0", "1"), made("1", "2", age=9), made("2", "3", age=5), new("3", "1")
    assert chosen(*zones) == Remove(("0",))
    sick = made("1", "2", age=9), made("5", "2", age=1, well=False), made("0", "1"), new("3", "1")
    assert chosen(*sick, wanted=2) == Remove(("0", "5")), "though the policy would have 1 go first"


def test_one_that_alone_serves_its_zone_goes_where_there_is_no_other_and_each_zone_serves() -> None:
    zones = made("1", "2"), made("2", "3", age=5), new("3", "1"), new("4", "1")
    assert chosen(*zones) == Remove(("2",))


def test_what_serves_nobody_may_go_though_no_more_serve_than_are_wanted() -> None:
    assert chosen(made("0"), made("1", well=False), new("2"), new("3")) == Remove(("1",))
    waits = chosen(made("0"), made("1"), made("2"), new("3"), wanted=4)
    assert waits == ScaleOut(1)


V1, V2 = (ExtensionSettings.of({"commandToExecute": f"bash {name}.sh"}, name="app") for name in ("v1", "v2"))
SPEC = RolloutSpec(strategy=Strategy.SURGE, canary=Amount(1))
SET = ScaleSet(WEB, OLD, capacity=3, id="/web", load_balanced=True)
THREE = (made("0"), made("1"), made("2"))


@pytest.mark.parametrize(
    ("one_group", "image", "most"),
    [
        (True, OLD, 100),
        (False, OLD, 600),
        (False, ImageReference.parse_urn("Canonical:ubuntu:server:latest"), 1000),
        (False, ImageReference(id="/SharedGalleries/apps/Images/web/Versions/1.2.3"), 1000),
    ],
)
def test_how_large_a_set_may_be(one_group: bool, image: ImageReference, most: int) -> None:
    reason = {
        100: "it has a single placement group (singlePlacementGroup may be set to false, but never back)",
        600: "it runs a managed image; a set with a gallery image may have 1000",
        1000: "Azure's largest set",
    }
    assert largest(replace(SET, single_placement_group=one_group, image=image)) == (most, reason[most])
    assert largest(replace(SET, single_placement_group=one_group, image=NEW), image)[0] == most, "of the new release"
    assert largest(replace(SET, single_placement_group=False, image=None))[0] == 1000
    assert largest(replace(SET, single_placement_group=False), ExtensionSettings("app"))[0] == 1000


def reasons(capacity: int, autoscale: tuple[str, ...] | None = (), *allowed: str, **how: object) -> str:
    spec = replace(SPEC, **how)  # type: ignore[arg-type]
    observed = Observed(replace(SET, capacity=capacity), THREE, {})
    return "\n".join(refused(findings(spec, observed, Headcount.of(capacity), NEW, autoscale), allowed))


def test_a_surge_that_fits_exactly_is_let_go() -> None:
    assert reasons(99) == ""
    assert "would have 101 for a while; it may have 100" in reasons(100)
    assert "Give --max-surge 1, or use --strategy waves" in reasons(99, max_surge=Amount(5))
    assert "Use --strategy waves" in reasons(100)


def spans(*zones: str | None, surge: int = 1) -> list[str]:
    there = tuple(made(str(n), zone) for n, zone in enumerate(zones))
    observed = Observed(replace(SET, capacity=len(zones)), there, {})
    spec = RolloutSpec(strategy=Strategy.SURGE, max_surge=Amount(surge))
    found = findings(spec, observed, Headcount.of(len(zones)), NEW, ())
    assert {one.severity for one in found} <= {Severity.WARNING}
    return [one.text for one in found]


def test_a_zone_that_may_be_empty_for_a_while_is_told() -> None:
    assert spans("1", "2", "3", "3") == [
        (
            "zone 1, zone 2 has one instance only, and Azure chooses the zones of new instances: a zone may have no "
            "healthy instance for a while; --max-surge 3 avoids that"
        )
    ]
    assert len(spans("1", "2", "2", surge=1)) == 1
    assert spans("1", "2", "2", surge=2) == []
    assert spans("1", "1", "2", "2") == spans("1") == spans("1", None) == spans(None, None) == []


def test_each_finding_says_what_to_do() -> None:
    assert reasons(3, scope=Scope(InstanceIds(("0",)))) == (
        "a surge replaces instances in the order of the set's scale-in policy: give --canary instead of "
        "--instance-ids, or update these ids with --strategy waves"
    )
    assert reasons(0) == (
        "the set has no instances (capacity 0): there is nothing to replace; scale it out first, or only set the model "
        "with `vmss-jenkins update`"
    )
    assert reasons(3, None) == (
        "the autoscale settings cannot be read (Microsoft.Insights/autoscaleSettings/read); autoscale may delete the "
        "additional instances; give --allow-unknown-autoscale to go on anyway"
    )
    assert reasons(3, ("by-cpu", "by-time")) == (
        "autoscale (by-cpu, by-time) is on: it may delete the new instances of the surge, or make others. Give "
        "--autoscale suspend to switch it off until the end, switch it off yourself (az monitor autoscale update "
        "--name by-cpu --enabled false), or use --strategy waves"
    )
    off = replace(SPEC, autoscale=Autoscale.SUSPEND)
    assert not refused(findings(off, Observed(SET, THREE, {}), Headcount.of(3), NEW, ("by-cpu",)), ())
    assert reasons(100) == (
        "the set has 100 instances and would have 101 for a while; it may have 100: it has a single placement group "
        "(singlePlacementGroup may be set to false, but never back). Use --strategy waves"
    )
    huge = replace(SET, capacity=600, single_placement_group=False)
    marketplace = ImageReference.parse_urn("Canonical:ubuntu:server:latest")
    for image, refusal in ((NEW, 1), (marketplace, 0)):
        assert len(refused(findings(SPEC, Observed(huge, THREE, {}), Headcount.of(600), image, ()), ())) == refusal


def test_what_is_unsafe_is_refused_as_one_sentence() -> None:
    found = Finding(Severity.UNSAFE, "Azure would update all.", "--allow")
    assert refused([found, Finding(Severity.NOTE, "x")], []) == (
        "Azure would update all; give --allow to go on anyway",
    )
    assert refused([found], ["--allow"]) == ()
    ends = Finding(Severity.UNSAFE, "It may have MAX.", "--allow")
    assert refused([ends], []) == ("It may have MAX; give --allow to go on anyway",), "only the full stop goes"


def test_autoscale_is_in_the_way_where_it_is_on_or_nobody_can_tell() -> None:
    assert "az monitor autoscale update --name by-cpu --enabled false" in reasons(3, ("by-cpu", "by-time"))
    assert reasons(3, None).endswith("give --allow-unknown-autoscale to go on anyway")
    assert reasons(3, None, ALLOW_UNKNOWN_AUTOSCALE) == ""
    assert "by-cpu" in reasons(3, ("by-cpu",), ALLOW_UNKNOWN_AUTOSCALE)


def seen(spec: RolloutSpec = SPEC, count: Headcount | None = None, **changes: object) -> SurgePreview:
    observed = Observed(replace(SET, **changes), THREE, {})  # type: ignore[arg-type]
    return preview_surge(spec, NEW, observed, count or Headcount.of(3), ())


def test_a_dry_run_tells_the_steps() -> None:
    told = list(seen().lines())
    assert told[:5] == [
        "would set the model to nginx-updated-image",
        "would scale out from 3 to 4: 1 new, the canary",
        "would replace, in this order: 2, 1, 0",
        "would make new ones first, up to 1 more than 3 at a time, run the gates, and delete as many old ones",
        "would end with 3 instances",
    ]
    assert "connections to an instance" in told[5]
    assert list(seen(replace(SPEC, canary_only=True)).lines())[2] == (
        "would then have 4 instances, until the next rollout continues"
    )


def dry_run(
    release: Release | None = NEW,
    instances: tuple[Instance, ...] = THREE,
    drain: float | None = None,
    **changes: object,
) -> list[str]:
    spec = replace(SPEC, drain=drain)
    observed = Observed(replace(SET, **changes), instances, {})  # type: ignore[arg-type]
    return list(preview_surge(spec, release, observed, Headcount.of(3), ()).lines())


STEPS = [
    "would make new ones first, up to 1 more than 3 at a time, run the gates, and delete as many old ones",
    "would end with 3 instances",
]
UNDRAINED_LINE = f"note: {UNDRAINED.text}"
DONE = (new("0"), new("1"))


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (
            lambda: dry_run(None, load_balanced=False),
            ["would leave the model at nginx-base-image", "have the release already: 0, 1, 2"],
        ),
        (
            lambda: dry_run(None, tuple(replace(one, latest_model_applied=False) for one in THREE[:2]), image=None),
            [
                "would leave the model at the release of the model",
                "would scale out from 3 to 4: 1 new, the canary",
                "would replace, in this order: 1, 0",
                *STEPS,
                UNDRAINED_LINE,
            ],
        ),
        (
            lambda: dry_run(NEW, (*DONE, THREE[2]), image=NEW),
            ["would leave the model at nginx-updated-image", "have the release already: 0, 1, 2"],
        ),
        (
            lambda: dry_run(NEW, (*DONE, THREE[2]), drain=30.0),
            [
                "would set the model to nginx-updated-image",
                "have the release already: 0, 1",
                "would replace, in this order: 2",
                *STEPS,
            ],
        ),
        (
            lambda: dry_run(V2, scripts=(V1,), extension=V1),
            [
                "would set the model to bash v2.sh",
                "would scale out from 3 to 4: 1 new, the canary",
                "would replace, in this order: 2, 1, 0",
                *STEPS,
                (
                    "note: a rollback runs bash v1.sh again, on disks on which the new script ran: it must undo what "
                    "the new script does, or the instances must be reimaged"
                ),
                UNDRAINED_LINE,
            ],
        ),
        (
            lambda: dry_run(V1, scripts=(V1,), extension=V1),
            ["would leave the model at bash v1.sh", "have the release already: 0, 1, 2"],
        ),
    ],
    ids=["of the model", "unknown", "done", "some have it", "new script", "same script"],
)
def test_the_lines_of_the_dry_run_of_a_surge(lines: Callable[[], list[str]], told: list[str]) -> None:
    assert lines() == told


@pytest.mark.parametrize(
    ("mode", "allowed", "is_refused"),
    [("Automatic", False, True), ("Automatic", True, False), ("Manual", False, False)],
)
def test_a_set_that_would_follow_the_model_is_refused_unless_that_is_allowed(
    mode: str, allowed: bool, is_refused: bool
) -> None:
    assert seen(upgrade_mode=UpgradeMode(mode)).refused(allow_automatic_rollout=allowed) is is_refused


def test_the_dry_run_asks_how_large_a_set_of_the_new_release_may_be() -> None:
    for image, is_refused in ((NEW, True), (V1_OF_GALLERY, False)):
        observed = Observed(replace(SET, capacity=600, single_placement_group=False), THREE, {})
        found = preview_surge(SPEC, image, observed, Headcount.of(600), ())
        assert found.refused(allow_automatic_rollout=True) is is_refused


def test_the_images_that_run_are_counted_before_a_surge() -> None:
    many = tuple(replace(made(str(n)), image=ImageReference(id=f"{OLD.id}-{n}")) for n in range(10))
    observed = Observed(replace(SET, capacity=10), many, {})
    found = preview_surge(SPEC, NEW, observed, Headcount.of(10), ()).findings
    assert [one.text for one in found if one.severity is Severity.IMPOSSIBLE] == [
        (
            "the instances would run 11 different images and Azure allows 10 models a set: update the instances with "
            "old images first"
        )
    ]


def test_a_dry_run_names_who_stays_and_what_is_in_the_way() -> None:
    observed = Observed(SET, (*THREE[:2], replace(THREE[2], protected_from_scale_in=True)), {})
    found = preview_surge(SPEC, NEW, observed, Headcount.of(3), None)
    assert found.replaced == ("1", "0")
    assert "would leave 2 alone: protected from scale-in: it stays, with the release that it runs" in list(
        found.lines()
    )
    assert found.refused(allow_automatic_rollout=True)
    assert not preview_surge(replace(SPEC, allow_unknown_autoscale=True), NEW, observed, Headcount.of(3), None).refused(
        allow_automatic_rollout=False
    )


def test_a_surge_that_can_replace_nothing_is_refused_in_the_dry_run_too() -> None:
    observed = Observed(SET, tuple(replace(one, provisioning_state="Failed") for one in THREE), {})
    found = preview_surge(SPEC, NEW, observed, Headcount.of(3), ())
    assert [one.text.partition(": its")[0] for one in found.findings if one.severity is Severity.IMPOSSIBLE] == [
        "no instance can get nginx-updated-image: 0, 1, 2"
    ]
    assert found.refused(allow_automatic_rollout=True)


def test_a_dry_run_goes_on_from_what_an_earlier_run_wrote_down() -> None:
    found = seen(count=Headcount(2, 2, 3))
    assert (found.wanted, found.capacity) == (2, 3)


def test_a_flexible_set_is_surged_by_the_images_of_its_machines() -> None:
    machines = tuple(replace(one, latest_model_applied=None) for one in THREE)
    observed = Observed(replace(SET, orchestration_mode=OrchestrationMode.FLEXIBLE), machines, {})
    assert preview_surge(SPEC, NEW, observed, Headcount.of(3), ()).replaced == ("2", "1", "0")


@pytest.mark.parametrize(
    ("surge", "timeout", "told"),
    [
        (1, 2700.0, ""),  # three batches of 15 minutes each
        (
            1,
            2699.0,
            "each of 3 batches of deletions for 15 min, together 45 min; the surge is rolled back after 45 min",
        ),
        (2, 1799.0, "each of 2 batches of deletions for 15 min, together 30 min"),
        (3, 900.0, ""),
    ],
)
def test_deletions_that_may_be_held_longer_than_the_surge_may_take_are_told(
    surge: int, timeout: float, told: str
) -> None:
    spec = replace(SPEC, max_surge=Amount(surge), timeout=timeout)
    for held, text in ((900.0, told), (0.0, "")):
        scale_set = replace(SET, capacity=3, automation=Automation(termination_notice=held))
        found = findings(spec, Observed(scale_set, THREE, {}), Headcount.of(3), NEW, ())
        assert [one.severity for one in found] == ([Severity.WARNING] if text else [])
        assert text in "".join(one.text for one in found)
        if text:
            assert found[0].text.endswith("(--timeout): give more, or a larger --max-surge")
