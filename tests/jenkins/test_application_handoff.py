"""The hand-off record of an application: its version, and what the model must still have when the full job starts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.jenkins.test_handoff import INSTANCES, SCALE_SET, SET, Output, parameters_in, record
from tests.model.test_applications import SET as SET_ID
from tests.model.test_applications import package
from vmss_jenkins.__main__ import main
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.jenkins.plan.handoff import from_json, handoff_of, mismatches, to_json
from vmss_jenkins.library import steps
from vmss_jenkins.model.applications import FATAL, PACKAGE
from vmss_jenkins.model.instances import ScaleSet
from vmss_jenkins.model.releases import ExtensionSettings

SITE = ExtensionSettings.of_application({PACKAGE: package("1.1.0"), FATAL: True}, SET_ID)
AGENT = ExtensionSettings.of_application({PACKAGE: package("1.0.0", "agent")}, SET_ID)
MODEL = replace(SCALE_SET, id=SET_ID, applications=(AGENT, SITE))
CHOSEN = replace(MODEL, extension=SITE)


def with_site(**changes: object) -> ScaleSet:
    other = ExtensionSettings.of_application({PACKAGE: package("1.1.0"), FATAL: True, **changes}, SET_ID)
    return replace(MODEL, applications=(AGENT, other), profile="changed")


def test_an_application_is_recorded_with_its_version_and_read_back() -> None:
    found = handoff_of(CHOSEN, INSTANCES)
    assert (found.release, found.short_name) == ("the application apps/site/1.1.0", "apps/site/1.1.0")
    assert found.parameters == {"APPLICATION_VERSION": "1.1.0"}
    assert '"application": {"extension": "apps/site", "name": "apps/site/1.1.0"' in to_json(found)
    assert from_json(to_json(found)) == found
    assert mismatches(found, MODEL, INSTANCES) == ()


def test_an_application_that_the_model_has_not_is_not_recorded() -> None:
    none = replace(MODEL, applications=(AGENT,), extension=ExtensionSettings.no_application("apps/site"))
    with pytest.raises(ConfigError, match="found no application apps/site; check --application"):
        handoff_of(none, INSTANCES)


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (with_site(**{PACKAGE: package("1.2.0")}), "the model no longer has the application apps/site/1.1.0"),
        (with_site(order=2), "the model no longer has the application apps/site/1.1.0"),
        (with_site(**{FATAL: False}), "the model no longer has the application apps/site/1.1.0"),
        (replace(MODEL, applications=(AGENT,)), "the model no longer has the application apps/site/1.1.0"),
        (replace(MODEL, applications=(SITE,), profile="changed"), "the machine profile"),
    ],
)
def test_a_model_that_changed_since_the_canary_is_told(model: ScaleSet, why: str) -> None:
    (found,) = mismatches(handoff_of(CHOSEN, INSTANCES), model, INSTANCES)
    assert found.startswith(why)


def test_a_canary_that_lost_the_model_is_told() -> None:
    lost = (replace(INSTANCES[0], latest_model_applied=False), *INSTANCES[1:])
    (found,) = mismatches(handoff_of(CHOSEN, INSTANCES), MODEL, lost)
    assert "does not have the latest model, so it does not have the application apps/site/1.1.0" in found


@pytest.fixture
def observed(monkeypatch: pytest.MonkeyPatch) -> list[ScaleSet]:
    found = [MODEL]

    def observe(*_: object, **__: object) -> tuple[ScaleSet, Sequence[object]]:
        return found[0], INSTANCES

    monkeypatch.setattr(steps, "observe", observe)
    return found


@pytest.mark.usefixtures("observed")
def test_the_full_job_checks_the_version_that_was_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    monkeypatch.setenv("JOB_URL", "https://ci.example.com/job/web-canary/")
    file, line = tmp_path / "handoff.json", tmp_path / "next.txt"
    words = ["--file", str(file), "--next", str(line)]
    writes = ["handoff", "write", *SET, *words, "--application", "apps/site", "--full-job", "web-full"]
    assert main(writes) == 0
    assert parameters_in(capsys.readouterr().err)["APPLICATION_VERSION"] == "1.1.0"
    for named in ("apps/site", "apps/site/1.1.0", package("1.1.0")):
        check = ["handoff", "check", *SET, *words, "--application", named, "--rollback-job", "web-rollback"]
        assert main(check) == 0
        assert "unchanged since the canary: the application apps/site/1.1.0 on 0" in capsys.readouterr().err
        assert line.read_text() == "Rolls out apps/site/1.1.0. To roll back: web-rollback, link in the console.\n"


@pytest.mark.usefixtures("observed")
@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--application", "apps/site/1.2.0"], "the canary had the application apps/site/1.1.0, but version 1.2.0 is"),
        (
            ["--application", "apps/agent"],
            "the record is of the application apps/site/1.1.0, but the application apps/ag",
        ),
        ([], "the record is of the application apps/site/1.1.0, but an image is to be rolled out"),
    ],
)
def test_another_release_than_the_canarys_is_refused(
    tmp_path: Path, words: list[str], why: str, capsys: Output
) -> None:
    file = tmp_path / "handoff.json"
    file.write_text(to_json(handoff_of(CHOSEN, INSTANCES)))
    check = ["handoff", "check", *SET, "--file", str(file), *words]
    assert main(check) == 1
    assert why in capsys.readouterr().err
    assert main([*check, "--allow-changed"]) == 0


@pytest.mark.usefixtures("observed")
def test_a_record_of_an_image_does_not_allow_an_application(tmp_path: Path, capsys: Output) -> None:
    file = tmp_path / "handoff.json"
    file.write_text(to_json(record()))
    assert main(["handoff", "check", *SET, "--file", str(file), "--application", "apps/site"]) == 1
    assert "the record is of an image, but the application apps/site is to be rolled out" in capsys.readouterr().err


@pytest.mark.usefixtures("observed")
@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--application", "site"], "wanted GALLERY/APPLICATION/VERSION"),
        (["--application", "apps/site", "--extension", "app"], "found both; give one of them"),
        (["--application", "apps/other"], "found no application apps/other; check --application"),
    ],
)
def test_a_bad_name_of_an_application_is_refused(tmp_path: Path, words: list[str], why: str, capsys: Output) -> None:
    file = tmp_path / "handoff.json"
    assert main(["handoff", "write", *SET, "--file", str(file), *words]) == 2
    assert why in capsys.readouterr().err
    assert not file.exists()
