"""Secrets in bodies: clients write them, and Azure never shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SEALED = "sealed"
"""The one key of an object that replaces secret settings."""
_SECRETS = frozenset({"protectedSettings", "adminPassword", "customData"})


def disclosed(value: Any) -> Any:  # noqa: ANN401  (any JSON)
    """Return a copy, with new objects and lists at every level, without the secrets."""
    if isinstance(value, dict):
        return {key: disclosed(item) for key, item in value.items() if key not in _SECRETS}
    return [disclosed(item) for item in value] if isinstance(value, list) else value


def sealed(value: Any, seal: Callable[[Any], str]) -> Any:  # noqa: ANN401  (any JSON)
    """Return a copy in which ``seal`` of each secret replaces it; a text stays a text."""
    if isinstance(value, list):
        return [sealed(item, seal) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: _hidden(item, seal) if key in _SECRETS else sealed(item, seal) for key, item in value.items()}


def _hidden(secret: Any, seal: Callable[[Any], str]) -> Any:  # noqa: ANN401  (any JSON)
    return seal(secret) if isinstance(secret, str) else {SEALED: seal(secret)}
