"""The pages: how long they are, where their links lead, and that what they show beside command lines is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import vmss_jenkins
from tests.docs.pages import DOCS, FENCE, ROOT, all_pages, blocks, written_pages
from vmss_jenkins import config, pipelines
from vmss_jenkins.emulator import Emulator

KEPT_WHOLE = {"CHANGELOG.md", "architecture.md"}
"""A history grows; the architecture is one picture and a paragraph a room."""


def shortened(page: Path) -> str:
    return str(page.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    """As forges and the site make them of headings."""
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", all_pages(), ids=shortened)
def test_every_link_leads_to_a_file_and_every_anchor_to_a_heading(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    lost = []
    for link in re.findall(r"\]\(([^)\s]+)\)|(?:src|srcset)=\"([^\"]+)\"", text):
        name, _, anchor = "".join(link).partition("#")
        there = page.parent / name if name else page
        external = name.startswith(("https://", "http://"))
        if not external and (not there.exists() or (anchor and anchor not in anchors(there))):
            lost.append("".join(link))
    assert lost == []


def test_the_readme_is_one_page() -> None:
    assert len((ROOT / "README.md").read_text().splitlines()) < 200


@pytest.mark.parametrize("page", written_pages(), ids=shortened)
def test_a_page_is_short(page: Path) -> None:
    assert page.name in KEPT_WHOLE or len(page.read_text().splitlines()) <= 250


def test_the_readme_leads_to_every_page() -> None:
    linked = set(re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text()))
    pages = {shortened(page) for page in all_pages()} - {"README.md"}
    assert pages - linked == set()


def test_the_reference_is_the_code_s(tmp_path: Path) -> None:
    """Made by a process of its own: click keeps the help of a command as it was first asked for."""
    subprocess.run([sys.executable, str(DOCS / "make_reference.py"), str(tmp_path)], check=True)
    made = {page.name: page.read_text() for page in tmp_path.iterdir()}
    found = {page.name: page.read_text() for page in (DOCS / "reference").iterdir()}
    assert found == made, "make it anew: make docs, or python docs/make_reference.py"


def test_the_example_report_was_made_by_what_is_here() -> None:
    """Its stylesheet is the one of the code: after a change `docs/example_report.py` makes it anew."""
    ours = ROOT / "vmss_jenkins" / "report" / "html" / "templates" / "style.css"
    assert (DOCS / "example-report" / "style.css").read_text().strip() == ours.read_text().strip()


@pytest.mark.parametrize(
    ("name", "jobs"),
    [
        ("script-jobs.md", ["app-canary", "app-full", "app-rollback"]),
        ("application-jobs.md", ["site-canary", "site-full", "site-rollback"]),
        ("blue-green-jobs.md", ["shop-blue-green", "shop-switch"]),
    ],
)
def test_a_page_about_jobs_names_those_that_its_file_makes(name: str, jobs: list[str]) -> None:
    (text,) = blocks(DOCS / name, "yaml")
    made = pipelines.jobs_of(config.parse(text, name))
    assert [job.path for job in made] == jobs
    rows = re.findall(r"^\| `([\w-]+)` \|", (DOCS / name).read_text(), re.MULTILINE)
    assert rows == jobs


def test_the_surge_shown_is_a_key_of_the_file() -> None:
    (text,) = blocks(DOCS / "surge.md", "yaml")
    (found,) = config.parse(f"sets: [{{name: web, resource_group: rg, {text.strip()}}}]", "surge.md").sets
    assert found.rollout.strategy == "surge"


@pytest.mark.parametrize("page", [page for page in written_pages() if blocks(page, "python")], ids=shortened)
def test_the_python_shown_is_python(page: Path) -> None:
    for block in blocks(page, "python"):
        compile(block, page.name, "exec")


def test_the_python_page_shows_what_there_is() -> None:
    with Emulator(data_plane=False, time_scale=200) as emulator, pytest.MonkeyPatch.context() as patch:
        for key, value in emulator.environment.items():
            patch.setenv(key, value)
        scope: dict[str, object] = {"image_id": emulator.scenario.image_id("nginx-updated-image")}
        for block in blocks(DOCS / "python.md", "python"):
            exec(compile(block, "python.md", "exec"), scope)  # noqa: S102 - our own text
    assert scope["rollout"].outcome is vmss_jenkins.Outcome.ROLLED_OUT  # type: ignore[attr-defined]


def test_the_test_shown_for_the_emulator_passes(tmp_path: Path) -> None:
    (text,) = [block for block in blocks(DOCS / "emulator.md", "python") if "def test_" in block]
    (tmp_path / "test_example.py").write_text(text)
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", [page for page in written_pages() if blocks(page, "groovy")], ids=shortened)
def test_the_steps_of_a_pipeline_run_in_their_order(page: Path) -> None:
    lines = re.findall(r"sh '(.*)'", "".join(blocks(page, "groovy")))
    assert lines
    with Emulator(data_plane=False, time_scale=200) as emulator:
        values = {"RESOURCE_GROUP": "canary-rg", "NAME": "web", "INSTANCE_IDS": "0"}
        values["IMAGE_ID"] = emulator.scenario.image_id("nginx-updated-image")
        path = f"{Path(sys.executable).parent}:/usr/bin:/bin"
        for line in lines:
            subprocess.run(["bash", "-c", line], env={**values, **emulator.environment, "PATH": path}, check=True)
