"""Releases by script, with the real engine and SDK against the emulator: out, judged, back, and what goes wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.rollout.test_steps_emulated import WEB, Session, session
from vmss_jenkins import cli
from vmss_jenkins.azure.scripts import blob_upload
from vmss_jenkins.azure.scripts.script_sets import ScriptSets
from vmss_jenkins.emulator import Emulator, Fault
from vmss_jenkins.emulator.compute import scale_sets
from vmss_jenkins.emulator.scenario.release import UBUNTU
from vmss_jenkins.emulator.scenario.scenario import SCENARIOS, Scenario
from vmss_jenkins.errors import AzureError, ConfigError
from vmss_jenkins.events.rollout import RolloutPlanned
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.gates.verdicts import Consequence, Verdict
from vmss_jenkins.model.releases import Access, ExtensionSettings, Script
from vmss_jenkins.model.scripts import ScriptRollout, from_settings, inline
from vmss_jenkins.report import json as report
from vmss_jenkins.report.text import lines
from vmss_jenkins.rollout import steps
from vmss_jenkins.rollout.ending import Outcome, RolloutResult
from vmss_jenkins.rollout.engine import Order, RunContext, run_rollout
from vmss_jenkins.rollout.plan.actions import OnFailure, RolloutSpec
from vmss_jenkins.rollout.plan.selection import Amount
from vmss_jenkins.rollout.steps import Options

FOUR = replace(SCENARIOS["nginx-extension"], instances=4)
NEW = inline("apt-get install -y nginx\nsed -i 's/nginx/nginx on Azure VMSS/' /var/www/html/index*.html\n")
BAD = inline("apt-get install -y nginx\nsystemctl stop nginx\n")
OLD_PAGE, NEW_PAGE = "Welcome to nginx!", "Welcome to nginx on Azure VMSS!"


@dataclass
class Says:
    """Gates that say one thing."""

    consequence: Consequence
    verdicts: Sequence[Verdict] = ()

    def assess(self, stage: str, instance_ids: Sequence[str], before: Callable[[float], None] = lambda _: None) -> Says:
        return self


def scripts(azure: Session, script: Script | None = None, extension: str = "") -> ScriptSets:
    known = script or Script(ExtensionSettings())
    return ScriptSets(azure.sets, azure.sets.memory(WEB), azure.events.append, extension, known)


def roll(
    azure: Session, script: Script | None, *, back: bool = False, gates: Says | None = None, **changes: Any
) -> RolloutResult:
    sets = scripts(azure, script)
    spec = RolloutSpec(**{"max_unavailable": Amount(2), "canary": None if back else Amount(1), **changes})
    context = RunContext(claims=azure.sets.claims(WEB), owner="job", gates=gates)
    return run_rollout(sets, WEB, Order(sets.adopt(WEB), rolling_back=back), spec, context, azure.waiter())


def pages(azure: Session) -> list[str]:
    found = azure.emulator.backend.scale_set("canary-rg", "web").instances.values()
    texts = [i.release.page if i.up else "<title>nothing" for i in found]
    return [text.partition("<title>")[2].partition("</title>")[0] for text in texts]


def test_a_script_is_rolled_out_canary_first_and_back_by_what_was_written_down() -> None:
    with session(FOUR) as azure:
        canary = roll(azure, NEW, canary_only=True)
        assert (canary.outcome, pages(azure)) == (Outcome.CANARY, [NEW_PAGE, *[OLD_PAGE] * 3])
        rest = roll(azure, NEW)
        assert (rest.outcome, pages(azure)) == (Outcome.ROLLED_OUT, [NEW_PAGE] * 4)
        again = roll(azure, NEW)
        assert (again.outcome, again.updated) == (Outcome.ROLLED_OUT, ())
        back = roll(azure, None, back=True)
        assert (back.outcome, pages(azure)) == (Outcome.ROLLED_BACK, [OLD_PAGE] * 4)
        planned = [one for one in azure.events if isinstance(one, RolloutPlanned)][-1]
        assert (planned.rolling_back, NEW.release.same_as(planned.image_from), planned.image_to) == (
            True,
            True,
            back.image,
        )
        assert azure.emulator.availability.summary(azure.clock.now(), "web").most_down <= 2
        once_more = roll(azure, None, back=True)
        assert (once_more.outcome, once_more.rolled_back) == (Outcome.ROLLED_BACK, ()), "it is where it was to go"


def test_a_script_that_the_gate_refuses_goes_back_by_itself() -> None:
    with session(FOUR) as azure:
        result = roll(azure, BAD, gates=Says(Consequence.FAIL), instance_timeout=60.0)
        assert result.outcome is Outcome.ROLLED_BACK
        assert (pages(azure), result.rolled_back) == ([OLD_PAGE] * 4, ("0",))


def test_an_extension_that_fails_on_the_canary_stops_there_and_goes_back() -> None:
    with session(FOUR) as azure:
        result = roll(azure, inline("exit 3\n"))
        assert result.outcome is Outcome.ROLLED_BACK
        assert "VMExtensionProvisioningError" in result.reason or "failed" in result.reason
        assert pages(azure) == [OLD_PAGE] * 4
        assert {i.provisioning_state for i in azure.instances()} == {"Succeeded"}


def test_one_instance_whose_extension_fails_takes_the_release_back() -> None:
    with session(FOUR) as azure:
        azure.emulator.inject(Fault("fail", instance="2"))
        result = roll(azure, NEW)
        assert (result.outcome, pages(azure)) == (Outcome.ROLLED_BACK, [OLD_PAGE] * 4)


def test_a_run_that_was_stopped_goes_on_and_knows_its_way_back() -> None:
    """The model has the new script already; what it had before is in the tags."""
    with session(FOUR) as azure:
        steps.update(scripts(azure, NEW), WEB, NEW.release, steps.Options(), azure.waiter())
        azure.update_instances("1")
        result = roll(azure, NEW, gates=Says(Consequence.FAIL))
        assert (result.outcome, pages(azure)) == (Outcome.ROLLED_BACK, [OLD_PAGE] * 4)


def test_a_script_that_not_every_instance_got_is_no_way_back() -> None:
    """Where a bad canary was left standing, what comes next goes back to what the others have."""
    worse = inline("apt-get install -y nginx\nsed -i 's/nginx/nothing/' /var/www/html/index*.html\n")
    with session(FOUR) as azure:
        stopped = roll(azure, worse, gates=Says(Consequence.FAIL), on_failure=OnFailure.STOP)
        assert (stopped.outcome, set(pages(azure))) == (Outcome.HALTED, {OLD_PAGE, "Welcome to nothing!"})
        result = roll(azure, NEW, gates=Says(Consequence.FAIL))
        assert (result.outcome, pages(azure)) == (Outcome.ROLLED_BACK, [OLD_PAGE] * 4)
        roll(azure, worse, gates=Says(Consequence.FAIL), on_failure=OnFailure.STOP)
        assert roll(azure, NEW).outcome is Outcome.ROLLED_OUT
        assert (roll(azure, None, back=True).outcome, pages(azure)) == (Outcome.ROLLED_BACK, [OLD_PAGE] * 4)


def test_a_script_that_was_rolled_out_is_the_way_back_though_the_model_changed_otherwise() -> None:
    with session(FOUR) as azure:
        assert roll(azure, NEW).outcome is Outcome.ROLLED_OUT
        with azure.emulator.backend.lock:
            found = azure.emulator.backend.scale_set("canary-rg", "web")
            change = {"properties": {"virtualMachineProfile": {"licenseType": "RHEL_BYOS"}}}
            scale_sets.change(azure.emulator.backend, found, change, lambda _: None)
        assert not any(one.latest_model_applied for one in azure.instances())
        assert roll(azure, BAD, instance_timeout=60.0).outcome is Outcome.ROLLED_BACK
        assert NEW.release.same_as(azure.sets.get(WEB).scripts[0])


def test_where_nothing_was_written_down_it_halts_and_says_how_to_name_it() -> None:
    with session(FOUR) as azure:
        result = roll(azure, None, back=True)
        assert (result.outcome, "--to-settings" in result.reason) == (Outcome.HALTED, True)
        old = azure.sets.get(WEB).scripts[0]
        roll(azure, NEW)
        named = roll(azure, None, back=True, rollback_to=old)
        assert (named.outcome, pages(azure)) == (Outcome.ROLLED_BACK, [OLD_PAGE] * 4)


def test_a_set_without_a_script_gets_one_and_has_no_way_back() -> None:
    with session(Scenario(image=UBUNTU)) as azure:
        assert roll(azure, NEW, min_healthy_time=0.0).outcome is Outcome.ROLLED_OUT
        assert pages(azure) == [NEW_PAGE] * 3
        told = [one.finding.text for one in azure.events if isinstance(one, PreflightFound)]
        assert any("no script to roll back to" in text for text in told)


def test_protected_settings_go_out_and_back_and_are_told_nowhere() -> None:
    secret = from_settings({"commandToExecute": "./a"}, {"fileUris": ["http://127.0.0.1/hunter2/a"]}, "2")
    with session(FOUR) as azure:
        azure.emulator.backend.download = lambda *_, **__: "apt-get install -y nginx"
        script = replace(secret, protected_before={"fileUris": []})
        result = roll(azure, script, gates=Says(Consequence.FAIL))
        assert result.outcome is Outcome.ROLLED_BACK
        kept = azure.emulator.backend.scale_set("canary-rg", "web").model.extensions[-1]["properties"]
        assert kept["protectedSettings"] == {"fileUris": []}
        shown = [lines.line(event) for event in azure.events] + [report.document(result)]
        tags = azure.emulator.backend.group("canary-rg").tags
        assert "hunter2" not in f"{shown} {tags} {script!r}"


def test_settings_of_any_length_are_written_down_until_they_are_too_long() -> None:
    with session(FOUR) as azure:
        memory = azure.sets.memory(WEB)
        for size in (10, 600, 1500, 300):
            release = ExtensionSettings.of({"commandToExecute": "é" * (size // 6)})
            assert memory.remember(release)
            assert memory.recall("customscript") == release
        assert not memory.remember(ExtensionSettings.of({"commandToExecute": "x" * 2500}))
        assert len(azure.emulator.backend.group("canary-rg").tags) <= 8


def test_two_scripts_need_a_name_and_flexible_sets_are_refused() -> None:
    handler = {"publisher": "Other", "type": "CustomScript", "typeHandlerVersion": "1"}
    other = {"name": "second", "properties": {**handler, "settings": {"commandToExecute": "true"}}}
    with session(replace(FOUR, extensions=(*FOUR.extensions, other))) as azure:
        with pytest.raises(ConfigError, match="choose one with --extension"):
            scripts(azure, NEW).get(WEB)
        assert scripts(azure, NEW, "second").adopt(WEB) == replace(NEW.release, name="second")
    with session(replace(FOUR, orchestration="Flexible")) as azure, pytest.raises(ConfigError, match="Flexible"):
        roll(azure, NEW)


# Uploading, and the commands


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    with Emulator(FOUR, data_plane=False, time_scale=1000) as found:
        for name, value in {**found.environment, "AZURE_STORAGE_KEY": "a2V5"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(tmp_path)
        (tmp_path / "v1.sh").write_text("apt-get install -y nginx\nsed -i 's/Welcome/Hello/' index.html\n")
        yield found


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli.cli, [*words, "-g", "canary-rg", "-n", "web"], standalone_mode=False)
    return done.return_value if done.exception is None else -1, done.output + str(done.exception or "")


def test_a_script_is_uploaded_once_under_a_name_that_tells_its_content(emulator: Any) -> None:
    container = emulator.environment["VMSS_JENKINS_EMULATOR_CONTAINER"]
    for _ in range(2):
        code, told = run("update-extension", "--script", "v1.sh", "--container", container)
        assert code == 0, told
    assert re.search(r"canary-rg/web already has the script v1-\w+\.sh: nothing changed", told)
    extension = emulator.backend.scale_set("canary-rg", "web").model.extensions[-1]["properties"]["settings"]
    assert extension["fileUris"][0].startswith(f"{container}/v1-")
    code, told = run("rollout", "--script", "v1.sh", "--container", container, "--canary", "1")
    assert (code, "rolled out: v1-" in told) == (0, True), told
    code, told = run("rollback", "--extension", "CustomScript")
    assert (code, "rolled back: " in told) == (0, True), told
    blob = extension["fileUris"][0].rpartition("/")[2]
    assert f"4 instances, {blob} -> apt-get update && apt-get install -y ...: waves" in told, "from there to here"
    code, told = run("rollback", "--extension", "CustomScript")
    assert (code, "no instance had to change" in told, "with --to-settings FILE" in told) == (
        0,
        True,
        True,
    )
    code, told = run("status")
    assert "script apt-get update && apt-get install -y ..., upgrade mode Manual" in told


def test_a_private_script_is_read_with_a_signature_or_an_identity_and_not_without(
    emulator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = emulator.environment["VMSS_JENKINS_EMULATOR_CONTAINER"].replace("/init", "/private")
    monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "?sig=hunter2")
    for access, code in (("public", -1), ("managed-identity", 0), ("sas", 0)):
        found, told = run("rollout", "--script", "v1.sh", "--container", private, "--access", access)
        assert (found, "hunter2" in told, "answers 404" in told) == (code, False, access == "public"), told


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--script", "v1.sh", "--container", "CONTAINER/nothing"], "az storage container create"),
        (["--script", "v1.sh", "--container", "https://x.blob.core.windows.net/No_Container"], "container name"),
        (["--script", "v1.sh", "--container", "https://x.blob.core.windows.net/init?sig=hunter2"], "query"),
        (["--script", "empty.sh", "--container", "CONTAINER/init"], "empty.sh is empty"),
        (["--script", "v1.sh", "--command", "bash {script}"], "give --container URL too"),
        (["--script", "b;d.sh", "--container", "CONTAINER/init"], "the file name"),
        (["--script", "v1.sh", "--script-url", "https://example.com/a.sh"], "give one of them"),
        (["--settings", "bad.json"], "it is not JSON"),
        (["--settings", "list.json"], "it is JSON, but no object"),
        (["--script", "v1.sh", "--protected-settings-env", "NOTHING"], "no environment variable NOTHING"),
        (["--script", "v1.sh", "--protected-settings", "list.json"], "it is JSON, but no object"),
        ([], "found none"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_told_before_anything_changes(
    emulator: Any, tmp_path: Path, words: list[str], reason: str
) -> None:
    base = emulator.environment["VMSS_JENKINS_EMULATOR_CONTAINER"].removesuffix("/init")
    for name, content in {"b;d.sh": "true", "empty.sh": "\n", "bad.json": "{", "list.json": "[]"}.items():
        (tmp_path / name).write_text(content)
    code, told = run("update-extension", *(word.replace("CONTAINER", base) for word in words))
    assert (code, reason in told, "hunter2" in told) == (-1, True, False), told
    assert {call["method"] for call in emulator.calls} <= {"GET"}


def test_a_dry_run_uploads_nothing_and_changes_nothing(emulator: Any) -> None:
    container = emulator.environment["VMSS_JENKINS_EMULATOR_CONTAINER"]
    code, told = run("rollout", "--script", "v1.sh", "--container", container, "--canary", "1", "--dry-run")
    assert (code, "would update first, as the canary: 0" in told, "v1-" in told) == (0, True, True), told
    assert {call["method"] for call in emulator.calls} == {"GET"}


def test_settings_with_secrets_come_from_files_or_the_environment(
    emulator: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings.json").write_text(json.dumps({"timestamp": 1}))
    monkeypatch.setenv("SECRETS", json.dumps({"commandToExecute": "apt-get install -y nginx # hunter2"}))
    words = ["--settings", "settings.json", "--protected-settings-env", "SECRETS", "--force-update-tag", "7"]
    code, told = run("update-extension", *words)
    assert (code, "hunter2" in told, "--previous-protected-settings" in told) == (0, False, True), told


def test_a_storage_account_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AzureError, match="storage account's name"):
        blob_upload.upload(
            "http://127.0.0.1:9/a/init", "v1.sh", b"", Access.PUBLIC, _no_credential, {blob_upload.KEY: "a2V5"}
        )


def _no_credential() -> Any:
    raise AssertionError("the key is used")


def test_a_script_and_an_image_together_are_refused() -> None:
    import vmss_jenkins  # noqa: PLC0415 - used here alone

    with pytest.raises(ConfigError, match="both an image and a script"):
        vmss_jenkins.roll_out("canary-rg", "web", {"id": "/SharedGalleries/a/images/b"}, scripted=ScriptRollout(NEW))


# An extension whose settings are all protected

COMMAND = "apt-get update && apt-get install -y nginx"


def protected_only() -> Scenario:
    """FOUR, with the script of its extension in the protected settings alone."""
    (known,) = FOUR.extensions
    properties = {key: value for key, value in known["properties"].items() if key != "settings"}
    hidden = {**known, "properties": {**properties, "protectedSettings": {"commandToExecute": COMMAND}}}
    return replace(FOUR, extensions=(hidden,))


def test_a_script_that_azure_does_not_show_is_asked_for_and_nothing_is_changed() -> None:
    with session(protected_only()) as azure:
        with pytest.raises(ConfigError) as refused:
            roll(azure, NEW)
        assert "Azure shows no setting of extension CustomScript" in str(refused.value)
        assert "--protected-settings FILE" in str(refused.value)
        assert "--previous-protected-settings FILE" in str(refused.value)
        assert not [one for one in azure.emulator.calls if one["method"] in ("PUT", "PATCH") and "/ext" in one["path"]]


def test_a_script_that_azure_does_not_show_is_replaced_whole_and_rolled_back_to() -> None:
    with session(protected_only()) as azure:
        script = replace(NEW, protected={}, protected_before={"commandToExecute": COMMAND})
        out = roll(azure, script)
        assert (out.outcome, pages(azure)) == (Outcome.ROLLED_OUT, [NEW_PAGE] * 4)
        model = azure.emulator.backend.scale_set("canary-rg", "web").model
        (written,) = [one for one in model.extensions if one["name"] == "CustomScript"]
        assert written["properties"]["protectedSettings"] == {}, "the hidden command is gone"
        writes = [one["method"] for one in azure.emulator.calls if one["path"].endswith("/extensions/CustomScript")]
        assert writes == ["PUT"], "a PATCH would merge the settings with the hidden ones"
        bad = replace(BAD, protected={}, protected_before={})
        back = roll(azure, bad, on_failure=OnFailure.ROLLBACK)
        assert (back.outcome, pages(azure)) == (Outcome.ROLLED_BACK, [NEW_PAGE] * 4)


def test_a_bad_script_in_place_of_one_that_azure_does_not_show_is_rolled_back() -> None:
    with session(protected_only()) as azure:
        bad = replace(BAD, protected={}, protected_before={"commandToExecute": COMMAND})
        back = roll(azure, bad, on_failure=OnFailure.ROLLBACK)
        assert (back.outcome, pages(azure)) == (Outcome.ROLLED_BACK, [OLD_PAGE] * 4)


# Windows


def windows() -> Scenario:
    """FOUR, with the CustomScript extension of Windows."""
    (known,) = FOUR.extensions
    handler = {"publisher": "Microsoft.Compute", "type": "CustomScriptExtension", "typeHandlerVersion": "1.10"}
    return replace(FOUR, extensions=({**known, "properties": {**known["properties"], **handler}},))


def test_settings_that_the_handler_of_windows_does_not_know_are_refused() -> None:
    with session(windows()) as azure:
        with pytest.raises(ConfigError, match="the set runs Windows, whose CustomScriptExtension does not know script"):
            roll(azure, NEW)
        assert pages(azure) == [OLD_PAGE] * 4


def test_a_command_is_rolled_out_to_windows_and_the_handler_stays() -> None:
    with session(windows()) as azure:
        edit = f"{COMMAND} && sed -i 's/nginx/nginx on Azure VMSS/' /var/www/html/index*.html"
        out = roll(azure, from_settings({"commandToExecute": edit}))
        assert (out.outcome, pages(azure)) == (Outcome.ROLLED_OUT, [NEW_PAGE] * 4)
        model = azure.emulator.backend.scale_set("canary-rg", "web").model
        types = [one["properties"]["type"] for one in model.extensions]
        assert "CustomScriptExtension" in types
        assert "CustomScript" not in types


URL_SETTINGS = from_settings({"fileUris": ["https://example.com/install.sh"], "commandToExecute": "bash install.sh"})


def same_script(azure: Session) -> list[str]:
    found = [one.finding.text for one in azure.events if isinstance(one, PreflightFound)]
    return [
        text for text in found if "runs a script again only if its URL, its command or its force-update tag" in text
    ]


def test_a_script_at_the_same_url_is_not_run_again_and_the_way_out_is_named() -> None:
    with session(FOUR) as azure:
        steps.update(scripts(azure, URL_SETTINGS), WEB, URL_SETTINGS.release, Options(), azure.waiter())
        assert same_script(azure) == []
        steps.update(scripts(azure, URL_SETTINGS), WEB, URL_SETTINGS.release, Options(), azure.waiter())
        (text,) = same_script(azure)
        assert "give --force-update-tag TAG" in text
        result = steps.update(
            scripts(azure, URL_SETTINGS), WEB, URL_SETTINGS.release, Options(dry_run=True), azure.waiter()
        )
        assert text in [one.text for one in result.findings]
