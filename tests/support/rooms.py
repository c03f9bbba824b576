"""The rooms of the package, measured: `python -m tests.support.rooms` prints what `tests/test_layers.py` holds."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[2]
ROOT = PROJECT / "vmss_jenkins"
MOST_FILES, MOST_LINES, MOST_README, MOST_PAGE = 15, 300, 200, 250
GENERATED = ("reference", "emulator-reference")
"""Pages that are made from the code, and as long as it has names."""


def _modules() -> dict[str, Path]:
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        found[".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")] = path
    return found


MODULES = _modules()
"""The dotted name of each module within the package, and its file."""


def room_of(module: str) -> str:
    """The package that a module is in; a file at the top is a room by itself."""
    path = MODULES[module]
    return module if path.parent == ROOT else ".".join(path.parent.relative_to(ROOT).parts)


def imports(path: Path, *, top_level: bool = False) -> Iterator[str]:
    """The dotted names that a file imports, for types too; `top_level` asks only for what is imported at once."""
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
    """The modules of the package that a file imports, or imports from."""
    for name in imports(path):
        own = name.removeprefix("vmss_jenkins.")
        if own != name:
            yield own if own in MODULES else own.rpartition(".")[0]


def circle(graph: dict[str, set[str]]) -> set[str]:
    """The nodes that are in a circle, or above one."""
    left = graph
    while free := {node for node, awaited in left.items() if not awaited & left.keys()}:
        left = {node: awaited for node, awaited in left.items() if node not in free}
    return set(left)


def modules_in_circles() -> set[str]:
    """The modules that no order of reading puts after all that they import."""
    return circle({module: set(used(path)) & MODULES.keys() - {module} for module, path in MODULES.items()})


def rooms_in_circles() -> set[str]:
    """The rooms that import each other; the room of a package's public names does not count as one of its users."""
    graph: dict[str, set[str]] = {}
    for module, path in MODULES.items():
        room = room_of(module)
        own = {room_of(name) for name in used(path) if name in MODULES}
        graph.setdefault(room, set()).update(own - {room})
    return circle(graph)


def files_of_rooms() -> Counter[str]:
    """How many files each room has, its `__init__` counted."""
    return Counter(str(path.parent.relative_to(PROJECT)) for path in MODULES.values())


def lines_of_files() -> dict[str, int]:
    """How many lines each module has."""
    return {str(path.relative_to(PROJECT)): path.read_text().count("\n") for path in MODULES.values()}


def lines_of_pages() -> dict[str, int]:
    """How many lines README and each page of the documentation have, but for those made from the code."""
    pages = [*(PROJECT / "docs").rglob("*.md"), PROJECT / "README.md"]
    written = [page for page in pages if not any(name in str(page.relative_to(PROJECT)) for name in GENERATED)]
    return {str(page.relative_to(PROJECT)): page.read_text().count("\n") for page in written}


def main() -> None:
    """Print the figures."""
    rooms, files = files_of_rooms(), lines_of_files()
    for room, count in sorted(rooms.items()):
        print(f"{count:3} files  {room}")  # noqa: T201 - a report
    longest = max(files, key=lambda name: files[name])
    circles = len(rooms_in_circles()), len(modules_in_circles())
    print(f"{len(files)} files in {len(rooms)} rooms, at most {max(rooms.values())} in one")  # noqa: T201
    print(f"longest file: {longest}, {files[longest]} lines")  # noqa: T201
    print(f"rooms in circles: {circles[0]}, files in circles: {circles[1]}")  # noqa: T201
    print(f"README.md: {lines_of_pages()['README.md']} lines")  # noqa: T201


if __name__ == "__main__":
    main()
