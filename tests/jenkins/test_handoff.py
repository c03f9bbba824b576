"""The hand-off record: the full job goes on only with the release and the set that the canary was verified on."""

import json
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.rollout.plan.test_moving_target import NAMED, V0, V1
from tests.support.fakes import NEW, OLD, WEB, three_old_instances
from vmss_jenkins.__main__ import main
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.jenkins.plan.handoff import (
    GateEvidence,
    Handoff,
    from_json,
    handoff_of,
    mismatches,
    to_json,
)
from vmss_jenkins.jenkins.plan.verified_settings import VerifiedSettings
from vmss_jenkins.library import steps
from vmss_jenkins.model import arm_bodies
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, Instance, ScaleSet, ScaleSetName
from vmss_jenkins.model.releases import ExtensionSettings

SCALE_SET = ScaleSet(WEB, NEW, capacity=3, profile="digest")
CANARY, *STABLE = (replace(one, image=OLD, latest_model_applied=False) for one in three_old_instances())
CANARY = replace(CANARY, image=NEW, latest_model_applied=True)
INSTANCES = (CANARY, *STABLE)
SET = ("-g", "canary-rg", "-n", "web")
Output = pytest.CaptureFixture[str]


def record() -> Handoff:
    return handoff_of(SCALE_SET, INSTANCES, [GateEvidence("http", "passed", "50 of 50 good")], "http://ci/job/1/")


def test_the_canary_is_every_instance_with_the_latest_model() -> None:
    assert record() == Handoff(
        WEB, NEW, "digest", ("0",), (GateEvidence("http", "passed", "50 of 50 good"),), "http://ci/job/1/"
    )


def test_without_a_canary_there_is_nothing_to_hand_over() -> None:
    with pytest.raises(
        ConfigError, match="scale set canary-rg/web: no instance has the latest model: there is no canary to hand"
    ):
        handoff_of(SCALE_SET, STABLE)
    with pytest.raises(ConfigError, match="scale set canary-rg/web: its image is unknown: there is no canary to hand"):
        handoff_of(replace(SCALE_SET, image=None), INSTANCES)


def test_of_a_model_that_names_the_newest_version_the_exact_one_that_was_judged_is_handed_over() -> None:
    moving = replace(SCALE_SET, image=NAMED)
    old, new = replace(STABLE[0], image=V0), replace(CANARY, image=V1)
    found = handoff_of(moving, (old, new))
    assert (found.image, found.canary) == (V1, (CANARY.id,))
    assert mismatches(found, moving, (old, new)) == ()


def test_of_a_model_with_an_exact_version_those_that_ran_it_before_are_the_canary() -> None:
    exact = replace(SCALE_SET, image=V1)
    flagged = tuple(replace(one, image=image) for one, image in zip(STABLE, (V0, V1), strict=True))
    assert handoff_of(exact, flagged).canary == (STABLE[1].id,)
    script = ExtensionSettings.of({"commandToExecute": "bash app.sh"}, name="app")
    for scale_set, instances in (
        (replace(exact, extension=script), flagged),  # which script ran there is not known
        (SCALE_SET, tuple(replace(one, image=NEW) for one in flagged)),  # an image without versions
    ):
        with pytest.raises(ConfigError, match="there is no canary to hand over"):
            handoff_of(scale_set, instances)


def test_a_record_is_one_line_of_json_and_is_read_back() -> None:
    assert "\n" not in to_json(record())
    assert from_json(to_json(record())) == record()
    figured = replace(record(), gates=(GateEvidence("http", "passed", "", "good: 1%"),))
    assert from_json(to_json(figured)).gates == (GateEvidence("http", "passed"),), "figures are not part of it"
    assert handoff_of(SCALE_SET, INSTANCES).build == ""
    bare = {key: value for key, value in json.loads(to_json(record())).items() if key not in {"gates", "build"}}
    assert from_json(json.dumps(bare)) == replace(record(), gates=(), build="")
    urn = replace(record(), image=ImageReference.parse_urn("a:b:c:latest"))
    assert from_json(to_json(urn)) == urn


@given(st.text(min_size=1).filter(str.strip), st.lists(st.text()), st.text())
def test_every_text_of_a_record_is_read_back(name: str, canary: list[str], detail: str) -> None:
    given_record = Handoff(
        ScaleSetName("rg", name), NEW, detail, tuple(canary), (GateEvidence(name, "passed", detail),), detail
    )
    assert from_json(to_json(given_record)) == given_record


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "found the format 'list'; wanted 1"),
        ('{"format": 2}', "found the format 2; wanted 1"),
        ('{"format": 1}', "is incomplete or malformed: KeyError: 'scale_set'"),
        (to_json(record()).replace('"0"', "0"), "found 0, wanted a text"),
        (to_json(record()).replace('"canary-rg"', '""'), "the resource group is empty"),
        (to_json(record()).replace('"id"', '"idd"'), "unknown key 'idd'"),
        (to_json(record()).replace('"verdict"', '"x"'), "is incomplete or malformed: TypeError"),
    ],
)
def test_an_invalid_record_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as raised:
        from_json(text)
    assert reason in str(raised.value)


@given(st.recursive(st.one_of(st.none(), st.text(), st.integers()), lambda inner: st.lists(inner) | st.dictionaries(
    st.sampled_from(["format", "scale_set", "image", "profile", "canary", "gates", "build", "name"]), inner
)))  # fmt: skip
def test_any_json_is_a_record_or_a_config_error(value: object) -> None:
    for text in (json.dumps(value), json.dumps({**json.loads(to_json(record())), "gates": value, "canary": value})):
        try:
            assert from_json(text)
        except ConfigError as error:  # noqa: PERF203 - each on its own
            assert error.reasons  # noqa: PT017 - both results are right


def changed(instance: Instance, **changes: object) -> tuple[Instance, ...]:
    return (replace(instance, **changes), *STABLE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scale_set", "instances"),
    [
        (SCALE_SET, INSTANCES),
        (replace(SCALE_SET, capacity=9, etag="new"), (*INSTANCES, replace(CANARY, id="3", image=OLD))),
        (SCALE_SET, (CANARY,)),
        (SCALE_SET, tuple(replace(one, image=NEW, latest_model_applied=True) for one in INSTANCES)),
        (replace(SCALE_SET, name=ScaleSetName("CANARY-RG", "Web")), INSTANCES),
    ],
    ids=["as it was", "scaled out", "scaled in", "partly rolled out", "other case"],
)
def test_only_the_capacity_of_a_set_may_have_changed(scale_set: ScaleSet, instances: tuple[Instance, ...]) -> None:
    assert mismatches(record(), scale_set, instances) == ()


@pytest.mark.parametrize(
    ("scale_set", "instances", "reason"),
    [
        (
            replace(SCALE_SET, name=ScaleSetName("rg", "b")),
            INSTANCES,
            "the record is for canary-rg/web, the job is for rg/b",
        ),
        (replace(SCALE_SET, image=OLD), INSTANCES, f"the model's image is {OLD}; the canary runs {NEW}"),
        (replace(SCALE_SET, image=None), INSTANCES, "the model's image is unknown"),
        (replace(SCALE_SET, profile="other"), INSTANCES, "the machine profile (without its image) changed"),
        (SCALE_SET, STABLE, "no canary instance exists any more: 0"),
        (SCALE_SET, changed(CANARY, image=OLD), f"canary instance 0 runs {OLD}; wanted {NEW}"),
        (SCALE_SET, changed(CANARY, image=None), "canary instance 0 runs an unknown image"),
        (
            SCALE_SET,
            changed(CANARY, health=Health.UNHEALTHY),
            "canary instance 0 is not healthy: Succeeded, running, health unhealthy",
        ),
    ],
)
def test_what_changed_in_a_set_is_named(scale_set: ScaleSet, instances: tuple[Instance, ...], reason: str) -> None:
    (found,) = mismatches(record(), scale_set, instances)
    assert found.startswith(reason)


def test_the_canary_is_found_whatever_the_case_of_its_ids() -> None:
    flexible = replace(record(), canary=("Web_A1", "web_b2"))
    there = (replace(CANARY, id="web_a1"), replace(CANARY, id="WEB_B2", power=None, health=Health.UNHEALTHY))
    assert mismatches(flexible, SCALE_SET, there) == (
        "canary instance WEB_B2 is not healthy: Succeeded, power unknown, health unhealthy",
    )
    assert mismatches(flexible, SCALE_SET, ()) == ("no canary instance exists any more: Web_A1, web_b2",)
    assert mismatches(replace(record(), canary=()), SCALE_SET, INSTANCES) == (
        "no canary instance exists any more: the record names none",
    )


SCRIPT = ExtensionSettings.of({"commandToExecute": "bash v2.sh"}, name="app")
SCRIPTED = replace(SCALE_SET, scripts=(SCRIPT,), extension=SCRIPT)
GONE = "the extension app in the model no longer has the script"


def test_a_script_is_recorded_by_its_digest_with_the_image_that_it_ran_on() -> None:
    found = handoff_of(SCRIPTED, INSTANCES)
    assert (found.settings, found.image) == (VerifiedSettings.of(SCRIPT), NEW)
    assert from_json(to_json(found)) == found
    assert (found.release, found.short_name) == ("the script bash v2.sh", "bash v2.sh")
    assert (record().release, record().short_name) == (str(NEW), "nginx-updated-image")
    with pytest.raises(ConfigError, match="no extension app"):
        handoff_of(replace(SCRIPTED, extension=ExtensionSettings("app")), INSTANCES)


@pytest.mark.parametrize(
    ("scale_set", "instances", "reasons"),
    [
        (SCRIPTED, INSTANCES, []),
        (replace(SCRIPTED, scripts=(replace(SCRIPT, settings="{}"),), profile="x"), INSTANCES, [GONE]),
        (replace(SCRIPTED, scripts=(replace(SCRIPT, force_update_tag="2"),)), INSTANCES, [GONE]),
        (replace(SCRIPTED, scripts=()), INSTANCES, [GONE]),
        (replace(SCRIPTED, profile="x"), INSTANCES, ["the machine profile (without its image) changed"]),
        (replace(SCRIPTED, image=OLD), INSTANCES, ["the model's image is"]),
        (SCRIPTED, changed(CANARY, latest_model_applied=False), ["canary instance 0 does not have the latest model"]),
        (SCRIPTED, changed(CANARY, health=Health.UNHEALTHY), ["canary instance 0 is not healthy"]),
    ],
)  # fmt: skip
def test_a_script_is_compared_by_the_model_and_by_the_latest_model_flag_of_the_canary(
    scale_set: ScaleSet, instances: tuple[Instance, ...], reasons: list[str]
) -> None:
    found = mismatches(handoff_of(SCRIPTED, INSTANCES), scale_set, instances)
    assert [one for one in found if not any(one.startswith(reason) for reason in reasons)] == []
    assert len(found) == len(reasons)


PROFILE = {
    "storageProfile": {"imageReference": {"id": NEW.id}, "osDisk": {"diskSizeGB": 30}},
    "osProfile": {"computerNamePrefix": "web", "adminPassword": None, "secrets": []},
    "networkProfile": {"id": "/subscriptions/A/x"},
}


def test_the_digest_of_a_profile_ignores_its_image_its_secrets_and_case() -> None:
    other = {
        "networkProfile": {"id": "/subscriptions/a/X"},
        "osProfile": {"computerNamePrefix": "web", "adminPassword": "s", "customData": "eA=="},
        "storageProfile": {"osDisk": {"diskSizeGB": 30}, "imageReference": {"id": OLD.id, "exactVersion": "1"}},
        "timeCreated": "now",
        "extensionProfile": {},
    }
    assert arm_bodies.profile_digest(PROFILE) == arm_bodies.profile_digest(other)
    assert arm_bodies.profile_digest({}) == ""


@pytest.mark.parametrize(
    "change",
    [
        {"extensionProfile": {"extensions": [{"name": "init"}]}},
        {"osProfile": {"computerNamePrefix": "Web"}},
        {"storageProfile": {"osDisk": {"diskSizeGB": 31}}},
        {"userdata": True},
    ],
)
def test_the_digest_includes_what_changes_new_instances(change: dict[str, object]) -> None:
    assert arm_bodies.profile_digest(PROFILE) != arm_bodies.profile_digest({**PROFILE, **change})


@pytest.fixture
def observed(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The result of `observe`; a test may change it."""
    found: list[object] = [SCALE_SET, INSTANCES]
    monkeypatch.setattr(steps, "observe", lambda *_, **__: tuple(found))
    monkeypatch.delenv("JOB_URL", raising=False)
    return found


def test_the_full_job_goes_on_if_nothing_changed(observed: list[object], tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "handoff.json"
    evidence = tmp_path / "verify.json"
    verdict = {"gate": "http", "outcome": "passed", "reason": "50 of 50 good", "measurements": []}
    evidence.write_text(json.dumps({"gates": [{"stage": "canary", "verdicts": [verdict]}]}))
    assert main(["handoff", "write", *SET, "--file", str(file), "--evidence", str(evidence)]) == 0
    assert from_json(file.read_text()).gates == (GateEvidence("http", "passed", "50 of 50 good"),)
    assert main(["handoff", "check", *SET, "--file", str(file), "--image-id", str(NEW)]) == 0
    assert f"unchanged since the canary: {NEW} on 0" in capsys.readouterr().err


def test_the_full_job_refuses_a_change_unless_it_is_allowed(
    observed: list[object], tmp_path: Path, capsys: Output
) -> None:
    file = tmp_path / "handoff.json"
    file.write_text(to_json(record()))
    observed[0] = replace(SCALE_SET, profile="other")
    words = ["handoff", "check", *SET, "--file", str(file), "--image-id", str(OLD)]
    assert main(words) == 1
    text = capsys.readouterr().err
    assert "This would roll out a release that no canary was judged with: the canary had" in text
    assert "the machine profile (without its image) changed" in text
    assert "add --allow-changed" in text
    assert main([*words, "--allow-changed"]) == 0
    assert "changed since the canary, but allowed: the machine profile" in capsys.readouterr().err


def test_the_full_job_checks_the_script_if_the_release_is_a_script(
    observed: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    observed[0] = replace(SCALE_SET, scripts=(SCRIPT,))
    monkeypatch.setenv("JOB_URL", "https://ci.example.com/job/web-canary/")
    file, line = tmp_path / "handoff.json", tmp_path / "next.txt"
    script = ["--file", str(file), "--extension", "app", "--next", str(line)]
    assert main(["handoff", "write", *SET, *script, "--full-job", "web-full"]) == 0
    assert set(parameters_in(capsys.readouterr().err)) == {"RESOURCE_GROUP", "VMSS_NAME", "HANDOFF"}
    assert main(["handoff", "check", *SET, *script, "--rollback-job", "web-rollback"]) == 0
    assert line.read_text() == "Rolls out bash v2.sh. To roll back: web-rollback, link in the console.\n"
    text = capsys.readouterr().err
    assert "next: https://ci.example.com/job/web-rollback/build?delay=0sec with these parameters:" in text
    assert "unchanged since the canary: the script bash v2.sh on 0" in text


def test_a_record_of_the_other_kind_of_release_is_refused(
    observed: list[object], tmp_path: Path, capsys: Output
) -> None:
    observed[0] = replace(SCALE_SET, scripts=(SCRIPT,))
    file = tmp_path / "handoff.json"
    file.write_text(to_json(handoff_of(SCRIPTED, INSTANCES)))
    assert main(["handoff", "check", *SET, "--file", str(file)]) == 1
    assert "the record is of the script bash v2.sh, but an image is to be rolled out" in capsys.readouterr().err
    file.write_text(to_json(record()))
    assert main(["handoff", "check", *SET, "--file", str(file), "--extension", "app"]) == 1
    assert "the record is of an image, but the script of app is to be rolled out" in capsys.readouterr().err


def test_a_missing_record_is_refused_unless_it_is_allowed(
    observed: list[object], tmp_path: Path, capsys: Output
) -> None:
    words = ["handoff", "check", *SET, "--file", str(tmp_path / "none")]
    assert main(words) == 2
    assert "there is no such file; run the canary's job first" in capsys.readouterr().err
    assert main([*words, "--allow-changed"]) == 0
    assert "no canary was judged with this release" in capsys.readouterr().err


def parameters_in(text: str) -> dict[str, str]:
    """Return the parameters of the next job that a command printed below its link, or in it."""
    (_, printed) = text.split("next: ")
    link, *lines = printed.splitlines()
    if "parambuild" in link:
        return {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    return dict(line.strip().split("=", 1) for line in lines if line.startswith("    "))


@pytest.mark.parametrize("prefilled", [False, True])
def test_the_next_step_is_a_form_that_exists_with_its_parameters(
    observed: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output, prefilled: bool
) -> None:
    monkeypatch.setenv("JOB_URL", "https://ci.example.com/job/deploy/job/web-canary/")
    monkeypatch.setenv("BUILD_NUMBER", "7")
    monkeypatch.setenv("VMSS_JENKINS_BUILD_WITH_PARAMETERS", "true" if prefilled else "")
    file, line = tmp_path / "handoff.json", tmp_path / "next.txt"
    words = ["handoff", "write", *SET, "--file", str(file), "--next", str(line)]
    assert main([*words, "--full-job", "web full"]) == 0
    assert line.read_text() == "Canary of nginx-updated-image on 0 passed. Next: web full, link in the console.\n"
    text = capsys.readouterr().err
    form = "parambuild/?RESOURCE_GROUP=canary-rg&VMSS_NAME=web&" if prefilled else "build?delay=0sec with these"
    assert f"next: https://ci.example.com/job/deploy/job/web%20full/{form}" in text
    assert from_json(parameters_in(text)["HANDOFF"]) == from_json(file.read_text())
    monkeypatch.setattr("vmss_jenkins.cli.jobs.handoff.LONGEST_IN_LINK", 10)
    assert main([*words, "--full-job", "full"]) == 0
    parameters = parameters_in(capsys.readouterr().err)
    assert (parameters["CANARY_BUILD"], "HANDOFF" in parameters) == ("7", False)
    assert main(words) == 0
    assert line.read_text() == "Canary of nginx-updated-image on 0 passed.\n"
    assert "next: " not in capsys.readouterr().err


def test_the_rollback_is_a_form_with_the_previous_image(
    observed: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line, link = tmp_path / "next.txt", tmp_path / "link.txt"
    monkeypatch.setenv("JOB_URL", "https://ci.example.com/job/web-full/")
    monkeypatch.setenv("VMSS_JENKINS_LINK_FILE", str(link))
    words = ["handoff", "check", *SET, "--file", str(tmp_path / "none"), "--allow-changed", "--next", str(line)]
    assert main([*words, "--rollback-job", "web-rollback"]) == 0
    assert line.read_text() == (
        "Rolls out nginx-updated-image in place of nginx-base-image. To roll back: web-rollback, link in the console.\n"
    )
    assert link.read_text().startswith("next: https://ci.example.com/job/web-rollback/build?delay=0sec with these")
    assert parameters_in(link.read_text())["IMAGE_ID"] == str(OLD)
    assert main(words) == 0
    assert line.read_text() == "Rolls out nginx-updated-image in place of nginx-base-image.\n"
    observed[1] = tuple(one for one in INSTANCES if one.image is NEW)
    assert main([*words, "--rollback-job", "web-rollback"]) == 0
    assert line.read_text().startswith("Rolls out nginx-updated-image. To roll back: web-rollback")
    assert "IMAGE_ID" not in link.read_text()


def test_a_failed_command_writes_its_reason_for_the_build_and_the_first_one_stays(
    observed: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = tmp_path / "new" / "error.txt"
    monkeypatch.setenv("VMSS_JENKINS_ERROR_FILE", str(reason))
    assert main(["handoff", "check", *SET, "--file", str(tmp_path / "none")]) == 2
    first = reason.read_text()
    assert first.startswith(f"{tmp_path / 'none'}: there is no such file; run the canary")
    assert first.count("\n") == 1
    assert main(["handoff", "check", *SET, "--nonsense"]) == 2
    assert reason.read_text() == first
    reason.unlink()
    assert main(["handoff", "check", *SET, "--nonsense"]) == 2
    assert "No such option" in reason.read_text()
    reason.unlink()
    monkeypatch.setattr(steps, "observe", lambda *_, **__: 1 / 0)
    assert main(["handoff", "write", *SET, "--file", str(tmp_path / "new.json")]) == 3
    assert reason.read_text() == "unexpected: ZeroDivisionError: division by zero\n"


def test_the_story_against_the_emulator(tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    file = str(tmp_path / "handoff.json")
    with Emulator(data_plane=False, time_scale=1000) as emulator:
        for key, value in emulator.environment.items():
            monkeypatch.setenv(key, value)
        image = emulator.scenario.image_id("nginx-updated-image")
        assert main(["update", *SET, "--image-id", image]) == 0
        assert main(["handoff", "write", *SET, "--file", file]) == 2
        assert main(["update-instances", *SET, "--instance-ids", "0", "--await-healthy"]) == 0
        assert main(["handoff", "write", *SET, "--file", file]) == 0
        assert main(["handoff", "check", *SET, "--file", file]) == 0
        assert len(from_json(Path(file).read_text()).profile) == 64
        assert main(["update", *SET, "--image-id", emulator.scenario.image_id("nginx-base-image")]) == 0
        assert main(["handoff", "check", *SET, "--file", file]) == 1
    assert "the model's image is" in capsys.readouterr().err
