"""The documentation: every command line of it runs, every link leads somewhere, and the reference is the code's."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from vmss_jenkins.emulator import Emulator

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("*/*.md")])
PAGES = [page for page in PAGES if page.relative_to(ROOT).parts[0] != ".venv"]
TYPED = [ROOT / "docs" / "tutorial.md", ROOT / "docs" / "how-to.md"]
"""Pages whose command lines are run in their order; `test_readme` runs those of the README."""
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = "sets:\n  - {name: web, resource_group: canary-rg}\n"


def blocks(page: Path, language: str) -> list[str]:
    return [text for found, text in FENCE.findall(page.read_text()) if found == language]


def commands(page: Path) -> list[str]:
    return [line for text in blocks(page, "console") for line in re.findall(r"^\$ (.*)$", text, re.MULTILINE)]


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """A directory with what the pages speak of, and an environment with an Azure."""
    shutil.copytree(ROOT / "jenkinsfiles", tmp_path / "jenkinsfiles")
    (tmp_path / "templates").mkdir()
    (tmp_path / "vmss.yaml").write_text(FILE)
    with Emulator(data_plane=False, time_scale=200) as emulator:
        images = {name: emulator.scenario.image_id(f"nginx-{key}-image")
                  for name, key in (("IMAGE_ID", "updated"), ("OLD_IMAGE_ID", "base"))}  # fmt: skip
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        target = {"RESOURCE_GROUP": "canary-rg", "NAME": "web"}
        yield tmp_path, {**os.environ, "PATH": path, **target, **emulator.environment, **images}


@pytest.mark.parametrize("page", TYPED, ids=lambda page: page.name)
def test_the_command_lines_run_in_their_order(page: Path, place: tuple[Path, dict[str, str]]) -> None:
    directory, environment = place
    typed = [line for line in commands(page) if not line.startswith("vmss-jenkins emulator")]
    typed += [line for text in blocks(page, "groovy") for line in re.findall(r"sh '(.*)'", text)]
    assert typed
    for line in typed:
        if "migrate" in line and shutil.which("groovy") is None:
            continue
        words = ["bash", "-c", line]
        done = subprocess.run(words, cwd=directory, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


def test_the_images_of_the_tutorial_are_the_emulator_s(place: tuple[Path, dict[str, str]]) -> None:
    _, environment = place
    (script,) = blocks(TYPED[0], "sh")
    bare = {key: value for key, value in environment.items() if not key.endswith("IMAGE_ID")}
    words = ["bash", "-c", f'{script}echo "$IMAGE_ID $OLD_IMAGE_ID"']
    said = subprocess.run(words, env=bare, capture_output=True, text=True, check=True).stdout
    assert said.split() == [environment["IMAGE_ID"], environment["OLD_IMAGE_ID"]]


def test_the_test_of_the_how_to_passes(tmp_path: Path) -> None:
    (text,) = [block for block in blocks(TYPED[1], "python") if "def test_" in block]
    (tmp_path / "test_example.py").write_text(text)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_to_a_file_and_every_anchor_to_a_heading(page: Path) -> None:
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)", FENCE.sub("", page.read_text())):
        if link.startswith(("https://", "http://")):
            continue
        name, _, anchor = link.partition("#")
        there = (page.parent / name) if name else page
        if not there.exists() or (anchor and anchor not in anchors(there)):
            lost.append(link)
    assert lost == []


def test_the_reference_is_the_code_s() -> None:
    """Made by a process of its own: click keeps the help of a command as it was first asked for."""
    words = [sys.executable, str(ROOT / "docs" / "make_reference.py")]
    made = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    found = (ROOT / "docs" / "reference.md").read_text()
    assert found == made, "make it anew: python docs/make_reference.py > docs/reference.md"


def test_the_example_report_was_made_by_what_is_here() -> None:
    """Its stylesheet is the one of the code: after a change `docs/example_report.py` makes it anew."""
    ours = ROOT / "vmss_jenkins" / "report" / "html" / "templates" / "style.css"
    assert (ROOT / "docs" / "example-report" / "style.css").read_text().strip() == ours.read_text().strip()
