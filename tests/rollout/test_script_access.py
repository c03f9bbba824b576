"""How instances read a script, and scripts that cannot be: by commands against the emulator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests
import responses
from click.testing import CliRunner

from tests.rollout.test_scripts_emulated import FOUR, NEW, OLD_PAGE, Says, pages, roll, scripts
from tests.rollout.test_steps_emulated import WEB, Session, session
from vmss_jenkins import cli
from vmss_jenkins.azure.scripts import script_urls
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.events.steps import PreflightFound
from vmss_jenkins.gates.verdicts import Consequence
from vmss_jenkins.model.releases import Access, ExtensionSettings, Script
from vmss_jenkins.model.scripts import from_url, inline
from vmss_jenkins.report.text import lines
from vmss_jenkins.rollout.ending import Outcome

ONE = replace(FOUR, instances=1)
WAY = ["-g", "canary-rg", "-n", "web"]


@pytest.fixture
def emulator(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Emulator]:
    with Emulator(ONE, data_plane=False, time_scale=1000) as found:
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AZURE_STORAGE_SAS_TOKEN", "sig=hunter2")
        monkeypatch.chdir(tmp_path)
        (tmp_path / "v1.sh").write_text("apt-get install -y nginx\n")
        yield found


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli.cli, [*words, *WAY], standalone_mode=False)
    assert "hunter2" not in done.output + str(done.exception or "")
    return done.return_value if done.exception is None else -1, done.output + str(done.exception or "")


def protected(emulator: Emulator) -> Any:
    return emulator.backend.scale_set("canary-rg", "web").model.extensions[-1]["properties"].get("protectedSettings")


def container(emulator: Emulator, name: str = "private") -> str:
    return emulator.environment["VMSS_JENKINS_EMULATOR_CONTAINER"].replace("/init", f"/{name}")


def put(azure: Session, version: str, access: Access = Access.SAS) -> Script:
    """A release of a script in a container: private, unless everybody may read it."""
    folder = azure.emulator.environment["VMSS_JENKINS_EMULATOR_CONTAINER"]
    url = f"{folder if access is Access.PUBLIC else folder.replace('/init', '/private')}/{version}.sh"
    text = f"apt-get install -y nginx # {version}\n"
    assert requests.put(f"{url}?sig=hunter2", text, timeout=5).status_code in {201, 409}
    return replace(from_url(url if access is not Access.SAS else f"{url}?sig=hunter2", access), signature="sig=hunter2")


def kept(azure: Session) -> str:
    return str(protected(azure.emulator))


def test_a_signature_goes_with_the_script_that_needed_it_and_comes_back_with_it() -> None:
    with session(FOUR) as azure:
        assert roll(azure, put(azure, "v1")).outcome is Outcome.ROLLED_OUT
        assert "v1.sh?sig=hunter2" in kept(azure)
        for access, found in ((Access.PUBLIC, "{}"), (Access.MANAGED_IDENTITY, "{'managedIdentity': {}}")):
            assert roll(azure, put(azure, "v2", access)).outcome is Outcome.ROLLED_OUT
            assert kept(azure) == found
            assert roll(azure, put(azure, "v1")).outcome is Outcome.ROLLED_OUT
        assert roll(azure, put(azure, "v2"), gates=Says(Consequence.FAIL)).outcome is Outcome.ROLLED_BACK
        assert "v1.sh?sig=hunter2" in kept(azure)
        assert roll(azure, put(azure, "v2")).outcome is Outcome.ROLLED_OUT
        secrets = Script(ExtensionSettings(), signature="sig=hunter2")
        assert roll(azure, secrets, back=True).outcome is Outcome.ROLLED_BACK
        assert "v1.sh?sig=hunter2" in kept(azure)
        told = [lines.line(one) for one in azure.events]
        assert "hunter2" not in f"{told} {azure.emulator.backend.group('canary-rg').tags}"


def test_without_the_signature_of_the_one_before_nothing_is_changed_on_the_way_back() -> None:
    with session(FOUR) as azure:
        assert roll(azure, put(azure, "v1")).outcome is Outcome.ROLLED_OUT
        assert roll(azure, NEW).outcome is Outcome.ROLLED_OUT
        told = [lines.line(one) for one in azure.events]
        assert any(
            "a rollback to v1.sh needs a SAS token; set the environment variable AZURE_STORAGE_SAS_TOKEN" in line
            for line in told
        )
        with pytest.raises(ConfigError, match=r"set it to a SAS token that reads http://.*/v1\.sh"):
            roll(azure, None, back=True)
        assert NEW.release.same_as(azure.sets.get(WEB).scripts[0])


def test_a_url_gets_its_signature_from_the_environment_and_never_from_the_command_line(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("update-extension", "--script", "v1.sh", "--container", container(emulator), "--access", "sas")[0] == 0
    (url,) = protected(emulator)["fileUris"]
    bare = url.partition("?")[0]
    words = ["update-extension", "--access", "sas", "--script-url"]
    code, told = run(*words, bare)
    assert (code, "canary-rg/web already has the script v1-" in told, ": nothing changed" in told) == (0, True, True), (
        told
    )
    done = CliRunner().invoke(cli.cli, [*words, url, *WAY], standalone_mode=False)
    assert "it has a query, which everybody can read there" in str(done.exception)
    monkeypatch.delenv("AZURE_STORAGE_SAS_TOKEN")
    assert "it is not set" in run(*words, bare)[1]


@pytest.mark.parametrize("words", [["update-extension"], ["rollout", "--canary", "1"]])
@pytest.mark.parametrize("dry", [[], ["--dry-run"]])
def test_a_script_that_is_not_there_is_told_before_anything_changes(
    emulator: Emulator, words: list[str], dry: list[str]
) -> None:
    code, told = run(*words, *dry, "--script-url", f"{container(emulator, 'init')}/nothing.sh")
    assert (code, "nothing.sh answers 404" in told, "check that the file is uploaded" in told) == (-1, True, True), told
    asked = {call["method"] for call in emulator.calls}
    assert asked == (set() if dry and words[0] == "rollout" else {"GET"})


NO_IMAGE = "found an image, but the release is a script; give --to-settings FILE"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["rollout", "--container", "http://127.0.0.1/a/b"], "found --container, but no script; give --script or --sc"),
        (["rollout", "--image", "a:b:c:1", "--command", "sh a"], "found --command, but no script"),
        (["rollback", "--to-settings", "before.json"], "found --to-settings, but no script; give --extension"),
        (["rollout", "--script", "before.json", "--to", "a:b:c:1"], NO_IMAGE),
        (["rollout", "--settings", "before.json", "--to", "a:b:c:1", "--dry-run"], NO_IMAGE),
        (["rollback", "--extension", "CustomScript", "--to", "a:b:c:1"], NO_IMAGE),
    ],
)
def test_what_is_told_about_a_script_is_not_taken_for_nothing(
    emulator: Emulator, words: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "before.json").write_text('{"commandToExecute": "true"}')
    done = CliRunner().invoke(cli.cli, [*words, *WAY], standalone_mode=False)
    assert told in str(done.exception)
    assert not emulator.calls


@pytest.mark.parametrize("words", [["update-extension", "--script", "v1.sh"], ["rollout", "--script", "v1.sh"]])
def test_a_second_extension_of_the_type_is_refused_before_anything_changes(
    emulator: Emulator, words: list[str]
) -> None:
    code, told = run(*words, "--extension", "app")
    assert (code, "Azure allows no second CustomScript beside CustomScript" in told) == (-1, True), told
    assert {call["method"] for call in emulator.calls} == {"GET"}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 200}, None),
        ({"status": 503}, "answers 503"),
        ({"status": 429}, "answers 429"),
        ({"body": requests.ConnectionError("hunter2")}, "cannot be reached from this machine (ConnectionError)"),
    ],
)
@responses.activate
def test_what_says_nothing_of_the_script_is_a_doubt_and_no_reason_to_stop(
    answer: dict[str, Any], said: str | None
) -> None:
    responses.get("https://example.com/a.sh", **answer)
    found = script_urls.check("https://example.com/a.sh?sig=hunter2")
    assert "hunter2" not in str(found)
    assert said in str(found) if said else found is None


@pytest.mark.parametrize("status", [401, 403, 404, 409, 410])
@responses.activate
def test_what_denies_the_script_is_told_without_its_signature(status: int) -> None:
    responses.get("https://example.com/a.sh", status=status)
    with pytest.raises(ConfigError, match=rf"https://example.com/a.sh answers {status}"):
        script_urls.check("https://example.com/a.sh?sig=hunter2")


def test_a_script_on_which_another_extension_waits_is_told_and_comes_back_where_it_fails() -> None:
    waits = {
        "name": "agent",
        "properties": {
            "publisher": "Example",
            "type": "Agent",
            "typeHandlerVersion": "1.0",
            "provisionAfterExtensions": ["customscript"],
        },
    }
    with session(replace(FOUR, extensions=(*FOUR.extensions, waits))) as azure:
        assert azure.sets.get(WEB).sequence == (("agent", "customscript"),)
        result = roll(azure, inline("exit 3\n"))
        assert (result.outcome, pages(azure)) == (Outcome.ROLLED_BACK, [OLD_PAGE] * 4)
        told = [lines.line(one) for one in azure.events if isinstance(one, PreflightFound)]
        assert any("agent is provisioned after CustomScript (provisionAfterExtensions)" in line for line in told)
        assert {one.provisioning_state for one in azure.instances()} == {"Succeeded"}


def test_a_first_script_has_no_way_back_by_a_gate_and_halts() -> None:
    with session(replace(FOUR, extensions=())) as azure:
        assert scripts(azure, NEW).adopt(WEB) == NEW.release
        result = roll(azure, NEW, gates=Says(Consequence.FAIL), min_healthy_time=0.0)
        assert result.outcome is Outcome.HALTED


def test_a_rollout_of_the_same_url_warns_unless_the_tag_is_another_one() -> None:
    """Azure runs a script again only if its URL, its command or its tag changes, whatever is at the URL now."""
    with session(FOUR) as azure:
        for script, warned in ((put(azure, "v1"), False), (put(azure, "v1"), True)):
            azure.events.clear()
            assert roll(azure, script).outcome is Outcome.ROLLED_OUT
            texts = [one.finding.text for one in azure.events if isinstance(one, PreflightFound)]
            assert any("give --force-update-tag TAG" in text for text in texts) is warned
        again = put(azure, "v1")
        tag = f"{again.release.force_update_tag} 2"
        azure.events.clear()
        result = roll(azure, replace(again, release=replace(again.release, force_update_tag=tag)))
        assert set(result.updated) == {"0", "1", "2", "3"}
        assert not [one for one in azure.events if isinstance(one, PreflightFound) and "TAG" in one.finding.text]
