"""A file that a command writes at its end is tried before the command begins."""

from pathlib import Path

import click
import pytest

from tests.cli.test_help import ALL
from vmss_jenkins.__main__ import main
from vmss_jenkins.cli.parameter_types import OutputFileType

WRITTEN = [
    (name, option)
    for name, command in ALL.items()
    for option in command.params
    if isinstance(option, click.Option) and isinstance(option.type, OutputFileType)
]


def shown(case: object) -> str:
    return case.opts[-1] if isinstance(case, click.Parameter) else str(case)


@pytest.mark.parametrize(("name", "option"), WRITTEN, ids=shown)
def test_a_file_that_cannot_be_written_is_refused_by_the_name_of_its_option(
    name: str, option: click.Option, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main([*name.split(), option.opts[-1], str(tmp_path / "file" / "out")]) == 2
    message = capsys.readouterr().err
    assert f"'{option.opts[-1]}'" in message
    assert "out' cannot be written: " in message


@pytest.mark.parametrize(("command", "option"), [("rollout", "--result"), ("resolve-image", "--release-file")])
def test_the_files_of_long_commands_are_among_them(command: str, option: str) -> None:
    assert any((name, one.opts[-1]) == (command, option) for name, one in WRITTEN)


def test_a_file_without_the_right_to_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(click.BadParameter, match="permission denied"):
        OutputFileType().convert(str(tmp_path / "out"), None, None)


def test_its_directory_is_created_and_the_file_is_not(tmp_path: Path) -> None:
    file = tmp_path / "reports" / "today" / "result.json"
    assert OutputFileType().convert(str(file), None, None) == file
    assert file.parent.is_dir()
    assert not file.exists()
