"""An empty value of any option is a mistake: the command names the option, and does nothing."""

import click
import pytest

from tests.cli.test_help import ALL
from vmss_jenkins.__main__ import main

Output = pytest.CaptureFixture[str]
TAKING = [
    (name, option)
    for name, command in ALL.items()
    for option in command.params
    if isinstance(option, click.Option) and not option.is_flag
]
FROM_ENVIRONMENT = [(name, option) for name, option in TAKING if option.envvar]
ARGUMENTS = [(name, one) for name, command in ALL.items() for one in command.params if isinstance(one, click.Argument)]


def shown(case: object) -> str:
    return case.opts[-1] if isinstance(case, click.Parameter) else str(case)


@pytest.mark.parametrize(("name", "option"), TAKING, ids=shown)
def test_an_empty_option_is_refused_by_its_name(name: str, option: click.Option, capsys: Output) -> None:
    for typed in option.opts:
        assert main([*name.split(), typed, ""]) == 2
        message = capsys.readouterr().err
        assert f"'{typed}'" in message
        assert "it is empty; give a value, or leave the option out" in message
    assert main([*name.split(), f"{option.opts[-1]}= "]) == 2
    assert "it is empty" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "argument"), ARGUMENTS, ids=shown)
def test_an_empty_argument_is_refused(name: str, argument: click.Argument, capsys: Output) -> None:
    assert main([*name.split(), ""]) == 2
    assert f"'{argument.human_readable_name}': it is empty" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "option"), FROM_ENVIRONMENT, ids=shown)
def test_an_empty_variable_is_refused_by_its_name(
    name: str, option: click.Option, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = str(option.envvar)
    monkeypatch.setenv(variable, "")
    assert main(name.split()) == 2
    message = capsys.readouterr().err
    assert variable in message
    assert "the environment variable is empty; set it to a value, or unset it" in message


def test_an_empty_value_among_others_is_refused(capsys: Output) -> None:
    assert main(["verify", "-g", "canary-rg", "-n", "web", "--gate", "http", "--gate", ""]) == 2
    assert "'--gate': it is empty" in capsys.readouterr().err
