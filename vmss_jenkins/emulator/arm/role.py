"""Role definitions: the Actions and NotActions, with wildcards, that decide whether a request is allowed."""

from __future__ import annotations

import fnmatch
import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Role:
    """What the caller may do."""

    actions: tuple[str, ...]
    not_actions: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Role:
        """Read a role definition, as ``az role definition create`` takes it or as ARM has it.

        Raises:
            ValueError: The text is not a role definition.
        """
        body: Any = json.loads(text)
        if isinstance(body, dict) and isinstance(body.get("properties"), dict):
            body = next(iter(body["properties"].get("permissions") or [{}]), {})
        lists = {key.lower(): value for key, value in body.items()} if isinstance(body, dict) else {}
        found = [lists.get("actions"), lists.get("notactions", [])]
        if not all(isinstance(part, list) and all(isinstance(one, str) for one in part) for part in found):
            raise ValueError("a role definition is a JSON object with the lists Actions and NotActions")
        return cls(tuple(found[0]), tuple(found[1]))

    def allows(self, action: str) -> bool:
        """Whether the role allows an action; Azure ignores upper and lower case in it."""
        return _any(self.actions, action) and not _any(self.not_actions, action)


def _any(patterns: tuple[str, ...], action: str) -> bool:
    return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)
