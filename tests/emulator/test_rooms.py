"""The rooms of the emulator: imports go downward only, pure rooms do no I/O, and no room is too large."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "vmss_jenkins" / "emulator"
PACKAGE = "vmss_jenkins.emulator"
ROOMS = (
    "arm",
    "scenario",
    "faults",
    "state.automation",
    "state",
    "runtime",
    "calls",
    "galleries",
    "galleries.api",
    "compute.guest",
    "compute",
    "compute.automation",
    "compute.api",
    "insights",
    "network",
    "network.api",
    "storage",
    "resources",
    "data_plane",
    "persistence",
    "front",
    "server",
    "",
)
"""Every room, the lowest first; the last one is the package itself, with the public names."""
SIDE_BY_SIDE = (
    {"compute.guest", "compute", "compute.automation", "compute.api"},
    {"network", "network.api"},
    {"storage"},
    {"data_plane"},
    {"persistence"},
)
"""Rooms that import nothing of each other, although the list has to put one above the other."""
PURE = frozenset(ROOMS[:5]) | {
    "calls",
    "galleries",
    "galleries.api",
    "compute.guest",
    "compute",
    "compute.automation",
    "compute.api",
    "insights",
    "network",
    "network.api",
    "storage",
    "resources",
}
WORLD = frozenset(
    {"aiohttp", "asyncio", "http.server", "os", "requests", "socket", "ssl", "subprocess", "tempfile", "time"}
) | {"trustme", "urllib3", "werkzeug"}
"""The clock, the network and the process. A seeded ``random.Random``, and the backend's lock, are state."""
MOST_FILES = 15
MOST_LINES = 300


def room_of(path: Path) -> str:
    return ".".join(path.parent.relative_to(ROOT).parts)


def named(path: Path, names: set[str]) -> set[str]:
    """The rooms of dotted names; a name is that of a module or of something in a module."""
    found = set()
    for name in names:
        parts = name.removeprefix(PACKAGE).strip(".").split(".") if name.startswith(PACKAGE) else None
        if parts is not None:
            depth = max(n for n in range(len(parts) + 1) if ".".join(parts[:n]) in ROOMS)
            found.add(".".join(parts[:depth]))
    return found - {room_of(path)}


def imports(path: Path) -> Iterator[str]:
    """Every dotted name that a file imports, under TYPE_CHECKING and in functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{path} imports by a relative name"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def apart(one: str, other: str) -> bool:
    """Whether two rooms import nothing of each other."""
    at = [next((n for n, rooms in enumerate(SIDE_BY_SIDE) if room in rooms), None) for room in (one, other)]
    return None not in at and at[0] != at[1]


FILES = sorted(ROOT.rglob("*.py"))


def test_every_room_has_its_place_in_the_order() -> None:
    assert {room_of(path) for path in FILES} == set(ROOMS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_from_lower_rooms_only(path: Path) -> None:
    room = room_of(path)
    used = named(path, set(imports(path)))
    assert used <= set(ROOMS[: ROOMS.index(room)])
    assert not [other for other in used if apart(room, other)]


@pytest.mark.parametrize("path", [p for p in FILES if room_of(p) in PURE], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_pure_room_does_no_io_and_imports_pure_rooms_only(path: Path) -> None:
    names = set(imports(path))
    assert not {name for name in names if any(name == w or name.startswith(f"{w}.") for w in WORLD)}
    assert named(path, names) <= PURE


def test_files_of_one_room_import_each_other_in_no_circle() -> None:
    modules = {".".join((PACKAGE, *path.relative_to(ROOT).with_suffix("").parts)): set(imports(path)) for path in FILES}
    left = {
        module: {other for name in names for other in (name, name.rpartition(".")[0]) if other in modules}
        for module, names in modules.items()
    }
    while free := [module for module, used in left.items() if not used & left.keys()]:
        for module in free:
            del left[module]
    assert not left


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_few_files_and_a_docstring(room: str) -> None:
    folder = ROOT.joinpath(*room.split("."))
    assert len(list(folder.glob("*.py"))) <= MOST_FILES
    assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MOST_LINES


def test_the_init_file_of_a_room_has_only_a_docstring() -> None:
    for path in FILES:
        if path.name == "__init__.py" and path.parent != ROOT:
            assert len(ast.parse(path.read_text()).body) == 1, path
