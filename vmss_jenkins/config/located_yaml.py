"""Reads YAML with the line of every value, for messages.

It makes plain values only (PyYAML's SafeLoader). A key that occurs twice is a fault; other YAML loaders ignore that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml

Path: TypeAlias = tuple[str | int, ...]

MOST_VALUES = 100_000
"""More values than any file of scale sets has. Aliases of aliases make a short text grow without limit."""
MOST_LEVELS = 50
"""More levels than any file of scale sets has."""
_MERGE = "tag:yaml.org,2002:merge"


@dataclass(frozen=True)
class Fault:
    """A fault at a place of the file."""

    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        place = dotted(self.path)
        return f"line {self.line}, {place}: {self.reason}" if place else f"line {self.line}: {self.reason}"


@dataclass(frozen=True)
class Document:
    """The values of a text, their lines, and the faults in its YAML."""

    data: Any
    lines: dict[Path, int]
    faults: tuple[Fault, ...]

    def line(self, path: Path) -> int:
        """Return the line of a value, or of the nearest mapping or list around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def dotted(path: Path) -> str:
    """Write a path for people: `sets[0].rollout.pause`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def read(text: str) -> Document:
    """Read the one document of a text; faults in it are returned, not raised."""
    try:
        # A tree of nodes first: no tag in it has created an object yet.
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            return _Reader(loader).document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = f"is not YAML: {error.problem or error.context}"
        return Document(None, {}, (Fault((), mark.line + 1 if mark else 1, reason),))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return Document(None, {}, (Fault((), 1, f"is not YAML: {_first_line(error)}"),))


@dataclass
class _Reader:
    """Makes values from nodes, and keeps their lines."""

    loader: Any
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    count: int = 0

    def document(self, node: Any) -> Document:  # noqa: ANN401 - PyYAML's nodes have no types
        data = self._value(node, ()) if node is not None else None
        return Document(data, self.lines, tuple(self.faults))

    def _value(self, node: Any, path: Path) -> Any:  # noqa: ANN401 - as above, and any value
        self.count += 1
        if self.count > MOST_VALUES or len(path) > MOST_LEVELS:
            raise ValueError("too many values, or too deep")
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self._value(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _scalar(self, node: Any, path: Path) -> Any:  # noqa: ANN401 - as above
        try:
            return self.loader.construct_object(node, deep=True)
        except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:
            problem = getattr(error, "problem", None) or _first_line(error)
            self.faults.append(Fault(path, node.start_mark.line + 1, f"cannot be read: {problem}"))
            return None

    def _mapping(self, node: Any, path: Path) -> dict[str, Any]:  # noqa: ANN401 - as above
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                continue
            line = key_node.start_mark.line + 1
            key = self._scalar(key_node, path)
            if not isinstance(key, str):
                self.faults.append(Fault(path, line, f"found the key {key!r}; wanted a string: quote it"))
            elif key in found:
                first = self.lines[(*path, key)]
                self.faults.append(Fault((*path, key), line, f"found twice, first in line {first}; remove one"))
            else:
                self.lines[(*path, key)] = line
                found[key] = self._value(value_node, (*path, key))
        for merged in self._merged(node):
            for key, value in self._mapping(merged, path).items():
                found.setdefault(key, value)
        return found

    def _merged(self, node: Any) -> Iterator[Any]:  # noqa: ANN401 - as above
        """Return the mappings that `<<` merges into a mapping."""
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                self.count += 1
                if self.count > MOST_VALUES:
                    raise ValueError("too many values")
                given = value_node.value if isinstance(value_node, yaml.SequenceNode) else [value_node]
                yield from (one for one in given if isinstance(one, yaml.MappingNode))


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
