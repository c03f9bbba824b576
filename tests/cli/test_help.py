"""What a user who knows `az`, `kubectl` and `gh` expects of every command; a new command cannot forget it."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import cloup
import pytest

from vmss_jenkins.__main__ import main
from vmss_jenkins.azure.errors import NEXT_STEPS
from vmss_jenkins.cli import COMMANDS, ROOMS, SECTIONS, cli, command_of
from vmss_jenkins.cli.command import Command, Group
from vmss_jenkins.cli.jobs.seed import CONNECTIONS
from vmss_jenkins.cli.sets.rollout import INCLUDE, ON_FAILURE
from vmss_jenkins.cli.sets.rollout_options import STRATEGIES
from vmss_jenkins.jenkins import seeding
from vmss_jenkins.rollout.plan.actions import OnFailure, Strategy
from vmss_jenkins.rollout.plan.selection import Include

Output = pytest.CaptureFixture[str]
PRINTS_A_SCRIPT = "completion"
"""The one command whose output is for a shell alone."""
READ_ONLY = frozenset(
    {
        *("status", "history", "verify", "render", "junit", "migrate", "azure-role", "report", "schema", "emulator"),
        *("handoff write", "handoff check", "completion", "resolve-image"),
    }
)
"""Commands that change nothing in Azure or Jenkins; the emulator is neither."""


def commands() -> Iterator[tuple[str, Command]]:
    """Every command that does something, with its name as typed."""
    for name in COMMANDS:
        found = command_of(name)
        inner = found.commands.items() if isinstance(found, Group) else [("", found)]
        for word, one in inner:
            assert isinstance(one, Command), f"{name} {word} is made by another decorator than cli.command.command"
            yield f"{name} {word}".strip(), one


ALL = dict(commands())
every_command = pytest.mark.parametrize("name", ALL)


def option(name: str, typed: str) -> click.Option | None:
    found = (one for one in ALL[name].params if isinstance(one, click.Option) and typed in one.opts)
    return next(found, None)


def test_the_commands_are_listed_in_sections(capsys: Output) -> None:
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    places = [shown.index(f"\n{heading}:\n") for heading in SECTIONS.values()]
    assert places == sorted(places)
    assert list(SECTIONS) == list(ROOMS)
    assert all(re.search(rf"^  {name} +\S", shown, re.MULTILINE) for name in COMMANDS)


@every_command
def test_every_option_is_in_a_group_and_has_a_help_text(name: str) -> None:
    command = ALL[name]
    assert command.ungrouped_options == []
    assert [one.name for one in command.params if isinstance(one, click.Option) and not one.help] == []
    assert isinstance(command, cloup.Command)
    small = sum(len(group.options) for group in command.option_groups) < 10
    assert small or len(command.option_groups) > 1


def test_rollout_has_the_five_options_first_that_everybody_needs() -> None:
    titles = [group.title for group in ALL["rollout"].option_groups]
    assert titles == [
        *("Most used", "Release", "Canary and steps", "Gates", "Failure", "Script", "Application", "Azure", "Output"),
    ]
    first = [one.opts[-1] for one in ALL["rollout"].option_groups[0].options]
    assert first == ["--resource-group", "--name", "--image-id", "--canary", "--dry-run"]


@every_command
def test_every_help_ends_with_examples_that_are_commands_of_ours(name: str, capsys: Output) -> None:
    assert main([*name.split(), "--help"]) == 0
    _, _, shown = capsys.readouterr().out.partition("\nExamples:\n")
    assert f"vmss-jenkins {name}" in shown
    assert shown.strip() == "\n".join(f"  {line}" for line in ALL[name].examples.splitlines()).strip()


def typed_in(examples: str) -> Iterator[list[str]]:
    """The words of each command line of ours, as a shell would pass them."""
    lines = examples.replace("\\\n", " ").splitlines()
    for line in lines:
        words = shlex.split(re.sub(r'"\$\(.*\)"', "0", line), comments=True)
        words = [re.sub(r"\$IMAGE_ID", "a:b:c:1.2.3", word) for word in words]
        if words[:1] == ["vmss-jenkins"]:
            yield words[1 : words.index(">")] if ">" in words else words[1:]


@every_command
def test_every_example_can_be_typed(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    image = "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/g/providers/Microsoft.Compute/images/i"
    for words in typed_in(ALL[name].examples):
        given = [image if word == "a:b:c:1.2.3" else word for word in words]
        for word in given:
            if re.fullmatch(r"[\w./*-]*(\.(yaml|json|jsonl|sh|xml)|token|Jenkinsfile)", word):
                (tmp_path / word).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / word).touch()
        context: click.Context = cli.make_context("vmss-jenkins", given)
        parsed, command, rest = cli.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
        if isinstance(command, Group):
            parsed, command, rest = command.resolve_command(context, rest)
            assert command is not None
        with command.make_context(parsed, rest):
            pass


@every_command
def test_every_command_has_the_letters_that_users_of_az_and_kubectl_type(name: str) -> None:
    if name != PRINTS_A_SCRIPT:
        output = option(name, "--output")
        assert output is not None
        assert "-o" in output.opts
        assert isinstance(output.type, click.Choice)
        assert "json" in output.type.choices
    for long, short in (("--subscription", "-s"), ("--resource-group", "-g"), ("--name", "-n")):
        found = option(name, long)
        assert found is None or short in found.opts


@every_command
def test_every_command_that_changes_something_has_a_dry_run(name: str) -> None:
    assert ALL[name].changes == (name not in READ_ONLY), f"say whether {name} changes something"
    assert not ALL[name].changes or option(name, "--dry-run") is not None


@every_command
def test_the_scale_set_is_taken_from_the_environment(name: str) -> None:
    if name in {"render", "seed"}:  # there the options replace a file
        return
    for long, variable in (
        ("--resource-group", "VMSS_JENKINS_RESOURCE_GROUP"),
        ("--name", "VMSS_JENKINS_NAME"),
    ):
        found = option(name, long)
        assert found is None or found.envvar == variable


def test_a_scale_set_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setenv("VMSS_JENKINS_RESOURCE_GROUP", "canary-rg")
    monkeypatch.setenv("VMSS_JENKINS_NAME", "web")
    monkeypatch.delenv("AZURE_SUBSCRIPTION_ID", raising=False)
    assert main(["status"]) == 2
    assert "no subscription" in capsys.readouterr().err
    assert main(["status", "--all", "none.yaml"]) == 2
    assert "none.yaml: cannot be read" in capsys.readouterr().err


def test_values_that_are_written_twice_for_a_quick_help_are_the_same() -> None:
    assert [one.value for one in Strategy] == list(STRATEGIES)
    assert [one.value for one in Include] == list(INCLUDE)
    assert [one.value for one in OnFailure] == list(ON_FAILURE)
    assert seeding.CONNECTIONS == CONNECTIONS


@every_command
def test_no_help_imports_a_heavy_library(name: str) -> None:
    heavy = (
        "{m.split('.')[0] for m in sys.modules} & {'rich', 'requests', 'werkzeug', 'tenacity', 'pydantic', 'jinja2'}"
    )
    program = f"import sys; from vmss_jenkins.__main__ import main; main([*{name.split()}, '--help']); print({heavy})"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.endswith("set()\n")


ASKED = {
    "bash": ({"COMP_WORDS": "vmss-jenkins roll", "COMP_CWORD": "1"}, "plain,rollout"),
    "zsh": ({"COMP_WORDS": "vmss-jenkins roll", "COMP_CWORD": "1"}, "rollout"),
    "fish": ({"COMP_WORDS": "vmss-jenkins roll", "COMP_CWORD": "roll"}, f"plain,rollout\t{COMMANDS['rollout']}"),
}


@pytest.mark.parametrize("shell", ASKED)
def test_each_shell_completes_commands_and_options(shell: str, monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    assert main(["completion", shell]) == 0
    assert f"_VMSS_JENKINS_COMPLETE={shell}_complete" in capsys.readouterr().out
    environment, wanted = ASKED[shell]
    monkeypatch.setenv("_VMSS_JENKINS_COMPLETE", f"{shell}_complete")
    for key, value in environment.items():
        monkeypatch.setenv(key, value)
    with pytest.raises(SystemExit, match="0"):
        main([])
    assert wanted in capsys.readouterr().out.splitlines()


ADVISED = [(name, code) for name in ALL if option(name, "--endpoint") for code in NEXT_STEPS]
OTHER_COMMANDS = {"--allow-automatic-rollout": "vmss-jenkins update", "--output": "az image list"}
"""Options in advice that belong to the command which the advice says to run."""


@pytest.mark.parametrize(("name", "code"), ADVISED)
def test_the_next_step_after_azures_no_names_only_options_that_the_command_has(name: str, code: str) -> None:
    for typed in re.findall(r"--[a-z-]+", NEXT_STEPS[code]):
        assert OTHER_COMMANDS.get(typed, "no such command") in NEXT_STEPS[code] or option(name, typed)


def test_the_line_for_bash_completes_in_a_bash(tmp_path: Path) -> None:
    here = Path(sys.executable).parent
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    program = """
        eval "$(vmss-jenkins completion bash)"
        COMP_WORDS=(vmss-jenkins rollout --dry) COMP_CWORD=2
        _vmss_jenkins_completion vmss-jenkins
        echo "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "-c", program],
        env={"PATH": f"{here}:/usr/bin:/bin", "HOME": str(tmp_path)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "--dry-run"
