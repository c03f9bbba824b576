"""The rooms of the house, kept by the syntax tree: imports go downward only, and the pure rooms touch no world."""

import ast
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "vmss_jenkins"
PURE = (
    "errors _version",
    "model",
    "gates",
    "jenkins.plan",
    "events",
    "rollout.plan",
    "rollout.plan.surge",
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
    "measure",
    "rollout",
    "blue_green",
    "jenkins.migration",
    "jenkins",
    "library",
    "cli",
    "cli.sets cli.pairs cli.jobs cli.tools",
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
LIGHT = ("cli", "cli.sets", "cli.pairs", "cli.jobs", "cli.tools", "library", "runtime", "jenkins.plan")
"""Rooms that a command imports before it knows what to do."""
LATE = ("cli.live_display",)
"""What is imported only on a terminal."""
MOST_FILES, MOST_LINES = 15, 300


def modules() -> dict[str, Path]:
    """The dotted name of each module within the package, and its file."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[0] != "emulator":
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


MODULES = modules()


def room_of(module: str) -> str:
    """A package is its own `__init__`'s room; a file at the top is one by itself."""
    path = MODULES[module]
    return module if path.parent == ROOT else ".".join(path.parent.relative_to(ROOT).parts)


def imports(path: Path, *, top_level: bool = False) -> Iterator[str]:
    """The dotted names that a file imports, those under TYPE_CHECKING too unless only what runs at once is asked."""
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        typing = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        if top_level and (typing or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting.extend(ast.iter_child_nodes(node))


def used(path: Path) -> Iterator[str]:
    """The modules of the package that a file imports, or imports from; the emulator counts as one."""
    for name in imports(path):
        own = name.removeprefix("vmss_jenkins.")
        if own != name:
            yield own if own in MODULES else own.partition(".")[0] if "emulator" in own else own.rpartition(".")[0]


def test_every_module_has_its_room() -> None:
    assert {room_of(module) for module in MODULES} == set(chain.from_iterable(ROOMS))


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_downward_only(module: str) -> None:
    height = next(level for level, line in enumerate(ROOMS) if room_of(module) in line)
    below = set(chain.from_iterable(ROOMS[: height + 1]))
    rooms = {room_of(found) if found in MODULES else found for found in used(MODULES[module])}
    assert rooms <= below | {ALLOWED.get(module, "errors")}


@pytest.mark.parametrize("module", [m for m in MODULES if room_of(m) in " ".join(PURE).split()])
def test_a_pure_room_touches_no_world(module: str) -> None:
    assert not {name.split(".")[0] for name in imports(MODULES[module])} & WORLD


def test_no_two_modules_import_each_other_in_a_circle() -> None:
    """Within a room too: a file can be read after those that it imports."""
    below = {module: set(used(path)) & MODULES.keys() - {module} for module, path in MODULES.items()}
    while free := {module for module, awaited in below.items() if not awaited}:
        below = {module: awaited - free for module, awaited in below.items() if module not in free}
    assert below == {}


@pytest.mark.parametrize("path", sorted((ROOT / "emulator").rglob("*.py")), ids=lambda p: p.stem)
def test_the_emulator_imports_nothing_of_the_package_so_that_it_cannot_share_its_mistakes(path: Path) -> None:
    names = set(imports(path))
    assert all(name.startswith("vmss_jenkins.emulator") for name in names if name.startswith("vmss_jenkins"))


@pytest.mark.parametrize("module", [m for m in MODULES if room_of(m) in LIGHT and m not in LATE])
def test_nothing_heavy_is_imported_before_it_is_needed(module: str) -> None:
    assert not {name.split(".")[0] for name in imports(MODULES[module], top_level=True)} & HEAVY


def test_a_room_has_few_files_and_a_file_few_lines() -> None:
    files = Counter(path.parent for path in ROOT.rglob("*.py"))
    assert {str(room): count for room, count in files.items() if count > MOST_FILES} == {}
    lines = {str(path): path.read_text().count("\n") for path in ROOT.rglob("*.py")}
    assert {path: count for path, count in lines.items() if count > MOST_LINES} == {}
