"""The rooms of the house, kept by the syntax tree: imports go downward only, and the pure rooms touch no world."""

from itertools import chain
from pathlib import Path

import pytest

from tests.support.rooms import (
    MODULES,
    MOST_FILES,
    MOST_LINES,
    MOST_PAGE,
    MOST_README,
    files_of_rooms,
    imports,
    lines_of_files,
    lines_of_pages,
    main,
    modules_in_circles,
    room_of,
    rooms_in_circles,
    used,
)

PURE = (
    "errors _version",
    "model.automation",
    "model",
    "model.galleries",
    "model.os_upgrades",
    "gates",
    "jenkins.plan",
    "events",
    "rollout.plan",
    "rollout.plan.actors",
    "rollout.plan.protection",
    "rollout.plan.surge",
    "govern.plan",
    "blue_green.plan",
    "report.text",
    "report",
    "report.html",
    "config",
    "pipelines",
)
WORLDLY = (
    "runtime",
    "azure",
    "azure.scripts azure.os_upgrades",
    "measure",
    "rollout.claims",
    "rollout",
    "rollout.protection",
    "govern",
    "blue_green",
    "jenkins.migration",
    "jenkins",
    "library library.os_upgrades",
    "cli",
    "cli.sets cli.upgrades cli.pairs cli.jobs cli.tools",
    "__init__ __main__ seed demo pytest_plugin",
)
ROOMS = tuple(line.split() for line in (*PURE, *WORLDLY))
"""From the ground up, a room or files of the front door: each imports its own line and those above it, no other."""
ALLOWED = {"cli.tools.emulator": "emulator", "pytest_plugin": "emulator", "demo": "emulator"}
"""What may use the emulator, which is a house of its own."""
WORLD = frozenset(
    {"aiohttp", "azure", "click", "flask", "http", "jenkins", "logging", "os", "random", "requests", "rich"}
    | {"socket", "ssl", "subprocess", "tempfile", "tenacity", "threading", "time", "urllib3", "werkzeug"}
)
"""What a pure room must not import: the clock, the network, the process and whatever leads to them."""
HEAVY = frozenset(
    {"aiohttp", "azure", "defusedxml", "flask", "jenkins", "jinja2", "pydantic", "requests", "rich", "trustme"}
    | {"werkzeug", "yaml"}
)
LIGHT = ("cli", "cli.sets", "cli.upgrades", "cli.pairs", "cli.jobs", "cli.tools", "library", "runtime", "jenkins.plan")
"""Rooms that a command imports before it knows what to do."""
LATE = ("cli.live_display",)
"""What is imported only on a terminal."""


OURS = {module: path for module, path in MODULES.items() if not module.startswith("emulator")}
"""All but the emulator, whose rooms `tests/emulator/test_rooms.py` orders."""


def test_every_module_has_its_room() -> None:
    assert {room_of(module) for module in OURS} == set(chain.from_iterable(ROOMS))


@pytest.mark.parametrize("module", OURS)
def test_imports_go_downward_only(module: str) -> None:
    height = next(level for level, line in enumerate(ROOMS) if room_of(module) in line)
    below = set(chain.from_iterable(ROOMS[: height + 1]))
    rooms = {room_of(name).partition(".")[0] if "emulator" in name else room_of(name) for name in used(OURS[module])}
    assert rooms <= below | {ALLOWED.get(module, "errors")}


@pytest.mark.parametrize("module", [m for m in OURS if room_of(m) in " ".join(PURE).split()])
def test_a_pure_room_touches_no_world(module: str) -> None:
    assert not {name.split(".")[0] for name in imports(OURS[module])} & WORLD


def test_nothing_imports_in_a_circle() -> None:
    """Imports for types counted: a file can be read after those that it imports, and a room after its rooms."""
    assert (rooms_in_circles(), modules_in_circles()) == (set(), set())


@pytest.mark.parametrize("path", [MODULES[m] for m in MODULES if m not in OURS], ids=lambda p: p.stem)
def test_the_emulator_imports_nothing_of_the_package_so_that_it_cannot_share_its_mistakes(path: Path) -> None:
    names = set(imports(path))
    assert all(name.startswith("vmss_jenkins.emulator") for name in names if name.startswith("vmss_jenkins"))


@pytest.mark.parametrize("module", [m for m in OURS if room_of(m) in LIGHT and m not in LATE])
def test_nothing_heavy_is_imported_before_it_is_needed(module: str) -> None:
    assert not {name.split(".")[0] for name in imports(MODULES[module], top_level=True)} & HEAVY


def test_a_room_has_few_files_and_a_file_few_lines() -> None:
    assert {room: count for room, count in files_of_rooms().items() if count > MOST_FILES} == {}
    assert {name: count for name, count in lines_of_files().items() if count > MOST_LINES} == {}


def test_a_page_is_read_at_once() -> None:
    pages = lines_of_pages()
    assert pages.pop("README.md") <= MOST_README
    assert {name: count for name, count in pages.items() if count > MOST_PAGE} == {}


def test_the_figures_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    out = capsys.readouterr().out
    assert f"{len(MODULES)} files in {len(files_of_rooms())} rooms" in out
    assert out.endswith(f"README.md: {lines_of_pages()['README.md']} lines\n")
