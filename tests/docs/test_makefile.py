"""The Makefile: what it prints, and what it says where Python cannot do it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, blocks

MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
PYTHON = """#!/bin/sh
case "$*" in
    --version) echo 'Python 3.9.2' ;;
    *version_info*) exit {old} ;;
    *'import {missing}'*) exit 1 ;;
esac
"""


@pytest.fixture
def make(tmp_path: Path) -> Path:
    """A directory with the Makefile, in which nothing has been installed."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    (tmp_path / "Makefile").write_text(MAKEFILE)
    for name in ("setup.cfg", "pyproject.toml"):
        (tmp_path / name).touch()
    return tmp_path


def said(directory: Path, *words: str) -> tuple[str, str]:
    """What make prints on standard output, and its one line on standard error beside its own."""
    done = subprocess.run(["make", *words], cwd=directory, capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("make")]
    return done.stdout, "\n".join(lines)


def python(directory: Path, *, old: bool = False, missing: str = "none") -> str:
    """A Python that cannot do it."""
    program = directory / "fake-python"
    program.write_text(PYTHON.format(old=int(old), missing=missing))
    program.chmod(0o755)
    return f"PYTHON={program}"


def test_bare_make_lists_every_target_in_a_line(make: Path) -> None:
    shown, _ = said(make)
    assert set(re.findall(r"^  make (\w+) +\S.*\.$", shown, re.MULTILINE)) == TARGETS
    assert ". .venv/bin/activate" in shown
    assert said(make, "help") == (shown, "")


@pytest.mark.parametrize("target", ["demo", "test"])
def test_an_old_python_is_named_with_the_remedy(make: Path, target: str) -> None:
    _, error = said(make, target, python(make, old=True))
    assert error == (
        f"Python 3.9.2 is too old: install Python 3.10 or later, or name one: make {target} PYTHON=/path/to/python3.10"
    )


@pytest.mark.parametrize(("missing", "reason"), [("venv", "has no module venv"), ("ensurepip", "has no pip")])
def test_a_python_without_venv_or_pip_is_named_with_the_remedy(make: Path, missing: str, reason: str) -> None:
    _, error = said(make, "demo", python(make, missing=missing))
    assert len(error.splitlines()) == 1
    assert reason in error
    assert "sudo apt-get install python3-venv" in error


def test_a_python_that_is_not_there_is_named_with_the_remedy(make: Path) -> None:
    _, error = said(make, "demo", "PYTHON=no-such-python")
    assert error == (
        "no-such-python is not installed: install Python 3.10 or later, or name one: make demo PYTHON=/path/to/python3"
    )


def test_make_says_how_long_pip_takes_before_it_begins(make: Path) -> None:
    shown, _ = said(make, "demo", "--dry-run", "PYTHON=python3")
    assert shown.index("pip takes about half a minute") < shown.index("-m pip install")


def test_the_readme_shows_what_make_does_without_it() -> None:
    shown = "".join(blocks(ROOT / "README.md", "sh"))
    for line in (
        "-m venv",
        "-m pip install --editable '.[test]'",
        "-m vmss_jenkins.demo",
        "-m pytest -n auto --dist worksteal",
    ):
        assert line in shown
        assert line.replace("pip install", "pip install --quiet") in MAKEFILE or line in MAKEFILE


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "docs/tutorial.md"])
def test_every_target_that_a_page_names_is_there(page: str) -> None:
    named = set(re.findall(r"(?:`|^)make ([a-z]+)", (ROOT / page).read_text(), re.MULTILINE))
    assert named
    assert named <= TARGETS
