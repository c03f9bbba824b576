"""`python -m vmss_jenkins.seed`: exit codes, where the token comes from, and what is printed."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fake_jenkins import FakeJenkins
from tests.support.jenkins_cases import job
from vmss_jenkins import seed
from vmss_jenkins.cli.jobs import seed as seed_command
from vmss_jenkins.library import seeding as library
from vmss_jenkins.seed import main

Run = tuple[int, str, str]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeJenkins]:
    with FakeJenkins() as running:
        monkeypatch.setenv("JENKINS_URL", running.url)
        monkeypatch.setenv("JENKINS_USER_ID", running.user)
        monkeypatch.setenv("JENKINS_API_TOKEN", running.token)
        monkeypatch.setattr(library, "jobs_of_file", lambda *_: (job("vmss/a"), job("vmss/b")))
        yield running


@pytest.fixture
def run(fake: FakeJenkins, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*argv: str) -> Run:
        code = main(argv)
        return code, *capsys.readouterr()

    return run


def test_a_check_prints_the_plan_and_exits_4_until_the_jobs_are_there(fake: FakeJenkins, run: Any) -> None:
    code, out, err = run("vmss.yaml", "--check")
    assert (code, out) == (4, "create folder vmss\ncreate vmss/a\ncreate vmss/b\n")
    counted = f"{fake.url}: 2 to create, 0 unchanged"
    assert err.splitlines() == [counted, "nothing was changed; to change it, run the same command without --check"]
    code, out, err = run("vmss.yaml")
    assert (code, out) == (0, "")
    assert "job vmss/a: created" in err
    assert run("vmss.yaml", "--check")[:2] == (0, "unchanged: 2\n")


def test_a_dry_run_prints_the_plan_and_exits_0(run: Any) -> None:
    code, out, err = run("vmss.yaml", "--dry-run")
    assert (code, out) == (0, "create folder vmss\ncreate vmss/a\ncreate vmss/b\n")
    assert err.endswith("nothing was changed; to change it, run the same command without --dry-run\n")


def test_the_result_is_printed_as_json(run: Any) -> None:
    code, out, _ = run("vmss.yaml", "--check", "-o", "json")
    found = json.loads(out)
    assert (code, found["applied"], found["folders"]) == (4, False, ["vmss"])
    assert [(one["action"], one["path"]) for one in found["actions"]] == [("create", "vmss/a"), ("create", "vmss/b")]
    assert json.loads(run("vmss.yaml", "-o", "json")[1])["applied"] is True


def test_a_check_names_the_problems_and_exits_1(fake: FakeJenkins, run: Any) -> None:
    fake.state.create("", "vmss", "<project/>")
    code, out, err = run("vmss.yaml", "--check")
    assert code == 1
    assert "refuse vmss/a: found a job vmss (FreeStyleProject); wanted a folder: rename that job" in out
    assert "job vmss/b" not in err
    assert err.endswith("nothing was changed, and nothing will be: solve the problems above first\n")


def test_the_token_comes_from_the_environment_a_file_or_standard_input(
    fake: FakeJenkins, run: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("JENKINS_API_TOKEN")
    code, _, err = run("vmss.yaml", "--check")
    assert code == 2
    assert "JENKINS_API_TOKEN: found no API token" in err
    (tmp_path / "token").write_text(f"{fake.token}\n")
    assert run("vmss.yaml", "--check", "--token-file", str(tmp_path / "token"))[0] == 4
    with (tmp_path / "token").open() as given:
        monkeypatch.setattr("sys.stdin", given)
        assert run("vmss.yaml", "--check", "--token-file", "-")[0] == 4


def test_no_option_takes_the_token() -> None:
    assert "--token" not in {name for option in seed_command.command.params for name in option.opts}


def test_the_url_and_the_user_may_be_given(fake: FakeJenkins, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url = fake.url
    monkeypatch.delenv("JENKINS_URL")
    assert "Missing option '--url' (env var: 'JENKINS_URL')" in run("vmss.yaml")[2]
    assert run("vmss.yaml", "--url", url.rstrip("/"), "--user", "admin", "--check")[0] == 4
    assert run("vmss.yaml", "--url", "nonsense")[0] == 2


@pytest.mark.parametrize(
    ("argv", "reason"),
    [
        ([], "found no file"),
        (["--name", "web"], "found no file"),
        (["vmss.yaml", "--name", "web", "--folder", "f"], "found a file and --name, --folder"),
    ],
)
def test_the_jobs_come_from_a_file_or_from_options_not_from_both(run: Any, argv: list[str], reason: str) -> None:
    code, _, err = run(*argv)
    assert code == 2
    assert reason in err


def test_one_set_by_options_is_seeded_without_a_file(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []

    def jobs_of_set(*values: Any) -> Any:
        given.append(values)
        return (job("vmss/a"),)

    monkeypatch.setattr(library, "jobs_of_set", jobs_of_set)
    options = ["-g", "rg", "-n", "web", "--folder", "vmss", "--credentials-id", "azure-sp"]
    assert run(*options, "--check")[0] == 4
    assert given == [
        ({"resource_group": "rg", "name": "web"}, {"folder": "vmss", "credentials": {"id": "azure-sp"}}, None, {})
    ]


@pytest.mark.parametrize(
    "words", [["--delete-builds"], ["--prune-outside-folders"], ["--source", ""], ["--adopt-from", ""]]
)
def test_options_that_say_nothing_are_refused(fake: FakeJenkins, run: Any, words: list[str]) -> None:
    code, _, err = run("vmss.yaml", *words)
    assert code == 2
    assert words[0] in err
    assert fake.asked == []


def test_the_command_prunes_as_its_options_say(fake: FakeJenkins, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("vmss.yaml")[0] == 0
    fake.run("vmss/b")
    monkeypatch.setattr(library, "jobs_of_file", lambda *_: (job("vmss/a"),))
    assert "job vmss/b: disabled (1 of 1)" in run("vmss.yaml", "--prune")[2]
    assert "0 created, 0 updated, 1 deleted" in run("vmss.yaml", "--prune", "--delete-builds")[2]
    assert list(fake.state.items) == ["vmss", "vmss/a"]


def test_a_checkout_takes_over_the_jobs_that_it_seeded_by_its_path(
    fake: FakeJenkins, run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("vmss.yaml")[0] == 0
    fake.run("vmss/a")
    moved = tuple(job(name, source="git.example.com/shop:vmss.yaml") for name in ("vmss/a", "vmss/b"))
    monkeypatch.setattr(library, "jobs_of_file", lambda *_: moved)
    code, _, err = run("vmss.yaml", "--prune")
    assert (code, err.count("--adopt-from vmss.yaml allows it")) == (1, 2)
    assert "0 created, 2 updated, 0 deleted" in run("vmss.yaml", "--prune", "--adopt-from", "vmss.yaml")[2]
    assert fake.state.items["vmss/a"].builds == 1
    assert run("vmss.yaml", "--check")[:2] == (0, "unchanged: 2\n")


def test_a_user_s_templates_are_used(fake: FakeJenkins, run: Any, tmp_path: Path) -> None:
    (tmp_path / "agent.groovy.j2").write_text("            agent { label 'mine' }\n")
    assert run("-g", "rg", "-n", "web", "--templates", str(tmp_path), "--gate", "http path=/x", "--agent", "no")[0] == 0
    assert "agent { label 'mine' }" in fake.state.script("web-canary")
    assert "--gate='http path=/x'" in fake.state.script("web-canary").replace("\\'", "'")


def test_a_missing_file_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = [str(tmp_path / "no.yaml"), "--url", "http://127.0.0.1:1/", "--user", "admin"]
    assert main(argv) == 2
    assert "cannot be read: No such file or directory" in capsys.readouterr().err


def test_an_unreachable_server_is_reported(run: Any) -> None:
    code, _, err = run("vmss.yaml", "--url", "http://127.0.0.1:1/")
    assert code == 1
    assert err.startswith("error: could not log in to http://127.0.0.1:1/: no answer: [Errno 111]")


def test_an_unexpected_error_comes_with_its_traceback(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "jobs_of_file", lambda *_: 1 / 0)
    code, _, err = run("vmss.yaml")
    assert code == 3
    assert "ZeroDivisionError" in err


def test_an_interruption_is_reported(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vmss_jenkins.jenkins.server.JenkinsServer.create", interrupted)
    code, _, err = run("vmss.yaml")
    assert (code, err.splitlines()[-1]) == (130, "interrupted")


def test_a_terminal_shows_a_progress_bar(fake: FakeJenkins, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    code, _, err = run("vmss.yaml")
    assert code == 0
    assert "2 created" in err
    assert "job vmss/a: created" not in err


def test_a_program_gets_values(fake: FakeJenkins) -> None:
    result = seed.seed_jobs([job("vmss/a")], fake.url, fake.user, fake.token, seed.Options(check=True))
    assert [each.path for each in result.plan.pending] == ["vmss/a"]


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys; from vmss_jenkins.seed import main; main(['--help']); "
        "print([m for m in ('azure', 'defusedxml', 'jenkins', 'pydantic', 'requests', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.endswith("[]\n")
