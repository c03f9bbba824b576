"""What clients may read back of what they wrote."""

from __future__ import annotations

from typing import Any

_SECRETS = frozenset({"protectedSettings", "adminPassword", "customData"})


def disclosed(value: Any) -> Any:  # noqa: ANN401  (any JSON)
    """Return a copy, deep but for what is no container, without what Azure accepts and never shows."""
    if isinstance(value, dict):
        return {key: disclosed(item) for key, item in value.items() if key not in _SECRETS}
    return [disclosed(item) for item in value] if isinstance(value, list) else value
