from dataclasses import replace

import pytest

from tests.support.fakes import IMAGES, NEW, OLD, WEB, three_old_instances
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, Instance, InstanceIds, OrchestrationMode, ScaleSet, UpgradeMode
from vmss_jenkins.model.releases import ExtensionSettings
from vmss_jenkins.rollout.plan.preflight import Surroundings, plan_update, plan_update_instances

SET = ScaleSet(WEB, OLD, capacity=3)
UBUNTU = ImageReference.parse_urn("Canonical:ubuntu-24_04-lts:server:latest")


def severities(findings: tuple[Finding, ...]) -> list[Severity]:
    return [finding.severity for finding in findings]


def test_another_image_on_a_manual_set_is_a_plain_change() -> None:
    plan = plan_update(SET, NEW, three_old_instances())
    assert plan.changes
    assert plan.image_before == OLD
    assert plan.findings == ()


@pytest.mark.parametrize("mode", [UpgradeMode.AUTOMATIC, UpgradeMode.ROLLING])
def test_a_mode_in_which_every_instance_follows_is_unsafe_and_names_the_flag(mode: UpgradeMode) -> None:
    (finding,) = plan_update(replace(SET, upgrade_mode=mode), NEW).findings
    assert finding.severity is Severity.UNSAFE
    assert finding.flag == "--allow-automatic-rollout"
    how = "at once" if mode is UpgradeMode.AUTOMATIC else "in batches by itself"
    assert finding.text == (
        f"the upgrade policy of canary-rg/web is {mode.value}, wanted Manual: Azure would update every instance {how}, "
        "without a canary."
    )


def test_automatic_os_upgrade_is_unsafe_whatever_the_mode() -> None:
    (finding,) = plan_update(replace(SET, automatic_os_upgrade=True), NEW).findings
    assert (finding.severity, finding.flag) == (Severity.UNSAFE, "--allow-automatic-rollout")
    assert finding.text == (
        "automatic OS image upgrade is on for canary-rg/web: Azure would roll out the new image by itself, whatever "
        "the upgrade policy is."
    )


def test_the_image_that_is_set_already_is_no_change_and_nothing_stands_in_its_way() -> None:
    for image in (OLD, ImageReference(id=str(OLD).replace("nginx", "NGINX"))):
        plan = plan_update(replace(SET, upgrade_mode=UpgradeMode.AUTOMATIC), image)
        assert not plan.changes
        assert plan.findings == ()


@pytest.mark.parametrize(("before", "after"), [(OLD, UBUNTU), (UBUNTU, NEW)])
def test_marketplace_and_custom_images_never_replace_each_other(before: ImageReference, after: ImageReference) -> None:
    (finding,) = plan_update(replace(SET, image=before), after).findings
    assert finding.severity is Severity.IMPOSSIBLE
    assert finding.text == (
        f"the set runs a {before.kind.value} and a {after.kind.value} was given; Azure never changes a set between "
        "marketplace and custom images: give an image of the same kind, or create a new set"
    )


def test_a_set_being_deleted_takes_no_change() -> None:
    deleting = replace(SET, provisioning_state="Deleting")
    assert severities(plan_update(deleting, NEW).findings) == [Severity.IMPOSSIBLE]
    assert plan_update(deleting, NEW).findings[0].text == "scale set canary-rg/web is being deleted"
    chosen = InstanceIds.parse("0")
    assert Severity.IMPOSSIBLE in severities(plan_update_instances(deleting, three_old_instances(), chosen).findings)


@pytest.mark.parametrize(
    ("distinct", "severity"),
    [(1, None), (6, None), (7, Severity.WARNING), (9, Severity.WARNING), (10, Severity.IMPOSSIBLE)],
)
def test_the_eleventh_model_is_impossible_and_the_last_ones_are_warned_of(
    distinct: int, severity: Severity | None
) -> None:
    running = [Instance(str(n), image=ImageReference(id=f"{IMAGES}/release-{n}")) for n in range(distinct)]
    findings = plan_update(SET, NEW, running).findings
    assert severities(findings) == ([severity] if severity else [])
    texts = {
        Severity.WARNING: (
            f"the instances would run {distinct + 1} different images; at 10 models Azure refuses the next"
        ),
        Severity.IMPOSSIBLE: (
            f"the instances would run {distinct + 1} different images and Azure allows 10 models a set: update the "
            "instances with old images first"
        ),
    }
    assert [one.text for one in findings] == ([texts[severity]] if severity else [])


def test_the_new_image_counts_once_whatever_its_spelling() -> None:
    names = [f"{IMAGES}/release-{n}" for n in range(9)]
    running = [Instance(str(n), image=ImageReference(id=name)) for n, name in enumerate([*names, str(NEW).upper()])]
    assert severities(plan_update(SET, NEW, running).findings) == [Severity.WARNING]


def test_autoscale_is_a_warning_and_not_knowing_it_is_told() -> None:
    assert severities(plan_update(SET, NEW, (), Surroundings(())).findings) == []
    assert severities(plan_update(SET, NEW, (), Surroundings(("cpu",))).findings) == [Severity.WARNING]
    on = "autoscale (cpu, time) is on: an instance that it adds gets the new model at once, so the canary may grow by "
    unread = "autoscale settings could not be read (Microsoft.Insights/autoscaleSettings/read)"
    chosen = InstanceIds.parse("0")
    for found, severity, text in ((("cpu", "time"), Severity.WARNING, f"{on}itself"), (None, Severity.NOTE, unread)):
        for findings in (
            plan_update(SET, NEW, (), Surroundings(found)).findings,
            plan_update_instances(SET, three_old_instances(), chosen, Surroundings(found)).findings,
        ):
            assert [(one.severity, one.text) for one in findings] == [(severity, text)]


def test_requests_left_are_told() -> None:
    left = Surroundings((), {"GetVMScaleSetResource": 35, "GetOperation": 7})
    text = "requests left before Azure throttles: GetOperation 7, GetVMScaleSetResource 35"
    for findings in (
        plan_update(SET, NEW, (), left).findings,
        plan_update_instances(SET, three_old_instances(), InstanceIds.parse("0"), left).findings,
    ):
        assert [(one.severity, one.text) for one in findings] == [(Severity.NOTE, text)]


def outdated(*ids: str) -> tuple[Instance, ...]:
    return tuple(replace(i, latest_model_applied=i.id not in ids) for i in three_old_instances())


def test_of_the_chosen_only_the_outdated_are_updated() -> None:
    plan = plan_update_instances(SET, outdated("1", "2"), InstanceIds.parse("0,1"))
    assert plan.update == ("1",)
    assert plan.up_to_date == ("0",)
    assert plan.skipped == {}
    assert [finding.text for finding in plan.findings] == ["1 of 3 healthy instances go down at once"]


def test_a_protected_instance_is_left_alone_with_the_reason() -> None:
    there = tuple(
        replace(i, protected_from_scale_in=True, protected_from_scale_set_actions=i.id == "1")
        for i in outdated("1", "2")
    )
    plan = plan_update_instances(SET, there, InstanceIds.parse("*"))
    assert plan.update == ("2",)
    assert plan.skipped == {"1": "protected from scale set actions"}


def test_where_no_chosen_instance_can_be_updated_it_is_refused_with_each_reason() -> None:
    first, second, third = outdated("0", "1", "2")
    there = (
        replace(first, protected_from_scale_set_actions=True),
        replace(second, provisioning_state="Deleting", protected_from_scale_set_actions=True),
        replace(third, protected_from_scale_set_actions=True),
    )
    plan = plan_update_instances(SET, there, InstanceIds.parse("*"))
    assert plan.skipped["1"] == "is being deleted"
    assert [(one.severity, one.text) for one in plan.findings] == [
        (
            Severity.IMPOSSIBLE,
            "no chosen instance can be updated: 0, 2: protected from scale set actions; 1: is being deleted",
        )
    ]
    assert plan_update_instances(SET, there, InstanceIds.parse("*"), some_gone=True).findings == ()
    assert plan_update_instances(SET, (), InstanceIds.parse("*")).findings == ()
    up_to_date = (*there[:1], replace(second, latest_model_applied=True))
    assert plan_update_instances(SET, up_to_date, InstanceIds.parse("*")).findings == ()


APP = ExtensionSettings.of({"commandToExecute": "bash v2.sh"}, name="app")
BEFORE = replace(APP, settings=APP.settings.replace("v2", "v1"))
AT_URL = ExtensionSettings.of({"fileUris": ["https://x.example/a.sh"], "commandToExecute": "bash a.sh"}, name="app")
WITH_APP = replace(SET, scripts=(BEFORE,), extension=BEFORE)


@pytest.mark.parametrize(
    ("scale_set", "script", "severity", "text"),
    [
        (
            replace(WITH_APP, orchestration_mode=OrchestrationMode.FLEXIBLE),
            APP,
            Severity.IMPOSSIBLE,
            ("canary-rg/web is in Flexible orchestration mode: its instances do not show whether they have the latest "
            "model, so a script cannot be rolled out; roll out an image, or create a Uniform set"),
        ),
        (
            replace(SET, extension=ExtensionSettings("app")),
            APP,
            Severity.WARNING,
            "the set had no CustomScript extension before: there is no script to roll back to",
        ),
        (
            WITH_APP,
            APP,
            Severity.NOTE,
            ("a rollback runs bash v1.sh again, on disks on which the new script ran: it must undo what the new script "
            "does, or the instances must be reimaged"),
        ),
        (
            replace(WITH_APP, sequence=(("health", "APP"), ("logs", "app"), ("logs", "other"))),
            APP,
            Severity.WARNING,
            ("health, logs is provisioned after app (provisionAfterExtensions): if the script fails, that extension "
            "does not run either, and an instance may report no health"),
        ),
        (
            replace(SET, scripts=(AT_URL,), extension=AT_URL),
            AT_URL,
            Severity.WARNING,
            (f"the model already has {AT_URL.short_name}, and Azure runs a script again only if its URL, its command "
            "or its force-update tag changes: if the file at the URL changed, give --force-update-tag TAG"),
        ),
    ],
    ids=["flexible", "no script before", "script before", "others wait for it", "at the same URL"],
)  # fmt: skip
def test_what_is_told_of_a_script(
    scale_set: ScaleSet, script: ExtensionSettings, severity: Severity, text: str
) -> None:
    assert (severity, text) in [(one.severity, one.text) for one in plan_update(scale_set, script).findings]


@pytest.mark.parametrize(
    ("scale_set", "script", "texts"),
    [
        (WITH_APP, BEFORE, []),
        (replace(WITH_APP, extension_before=APP), APP, []),
        (replace(WITH_APP, sequence=(("logs", "other"),)), APP, ["a rollback runs"]),
    ],
    ids=["the same", "back to the one before", "another sequence"],
)
def test_what_is_not_told_of_a_script(scale_set: ScaleSet, script: ExtensionSettings, texts: list[str]) -> None:
    assert [one.text[:15] for one in plan_update(scale_set, script).findings] == texts


def test_taking_down_all_that_serve_is_warned_of() -> None:
    plan = plan_update_instances(SET, outdated("0", "1", "2"), InstanceIds.parse("*"))
    assert severities(plan.findings) == [Severity.WARNING]
    assert plan.findings[0].text == "all 3 healthy instances go down at once: update them in smaller steps"


def test_the_smallest_set_that_can_be_halved_is_warned_too() -> None:
    two = outdated("0", "1")[:2]
    assert severities(plan_update_instances(SET, two, InstanceIds.parse("*")).findings) == [Severity.WARNING]
    assert severities(plan_update_instances(SET, two[:1], InstanceIds.parse("*")).findings) == [Severity.NOTE]


def test_those_that_do_not_serve_anyway_do_not_count_as_going_down() -> None:
    there = tuple(replace(i, health=Health.UNHEALTHY) for i in outdated("0", "1"))
    assert plan_update_instances(SET, there, InstanceIds.parse("0,1")).findings == ()


def test_an_instance_that_an_operation_runs_on_is_busy() -> None:
    there = tuple(replace(i, provisioning_state="Updating" if i.id == "1" else "Succeeded") for i in outdated("1", "2"))
    assert plan_update_instances(SET, there, InstanceIds.parse("*")).busy == ("1",)


def test_an_instance_that_is_down_for_its_update_is_not_called_stopped() -> None:
    there = tuple(replace(i, power="stopped", provisioning_state="Updating") for i in outdated("1"))
    assert plan_update_instances(SET, there, InstanceIds.parse("1")).findings == ()


def test_a_deallocated_instance_is_named() -> None:
    there = tuple(replace(i, power="deallocated") for i in outdated("1"))
    (note,) = plan_update_instances(SET, there, InstanceIds.parse("1")).findings
    assert (note.severity, note.text) == (Severity.NOTE, "instance 1 is deallocated: it gets the model anyway")
