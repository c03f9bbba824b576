"""The expressions of ARM templates, such as ``[concat(resourceId('T', 'N'), '/probes/', 'P')]``.

The grammar is Microsoft's (https://learn.microsoft.com/azure/azure-resource-manager/templates/template-expressions):
calls of functions, strings in single quotes, integers, and below a call ``.name`` and ``[index]``. The caller
gives the functions that a template may call; any other function is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TOKEN = re.compile(r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<number>-?\d+)|(?P<name>[A-Za-z_]\w*)|(?P<sign>[()\[\],.]))")
_DEEPEST = 50


class TemplateError(Exception):
    """A template cannot be deployed; the message is for its author."""


def evaluated(value: Any, functions: Mapping[str, Callable[..., Any]]) -> Any:  # noqa: ANN401  (any JSON)
    """Return JSON with every expression in it replaced by its value.

    Args:
        value: Any JSON; an expression is a string in square brackets; a string that begins with ``[[`` is not one.
        functions: The functions that may be called, by name in lower case.

    Raises:
        TemplateError: An expression cannot be read, or calls an unknown function.
    """
    if isinstance(value, dict):
        return {key: evaluated(item, functions) for key, item in value.items()}
    if isinstance(value, list):
        return [evaluated(item, functions) for item in value]
    if not (isinstance(value, str) and value.startswith("[") and value.endswith("]")):
        return value
    return value[1:] if value.startswith("[[") else _Expression(value, functions).value()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


def _tokens(text: str, whole: str) -> list[_Token]:
    found, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            raise TemplateError(f"The expression '{whole}' cannot be read from '{text[position:]}' on.")
        found.append(_Token(str(match.lastgroup), match[str(match.lastgroup)]))
        position = match.end()
    return found


class _Expression:
    """Reads and evaluates one expression, left to right."""

    def __init__(self, whole: str, functions: Mapping[str, Callable[..., Any]]) -> None:
        self._whole, self._functions = whole, functions
        self._rest = _tokens(whole[1:-1], whole)[::-1]
        self._depth = 0

    def value(self) -> Any:  # noqa: ANN401  (any JSON)
        """Return the value of the whole expression."""
        found = self._term()
        if self._rest:
            raise self._error(f"'{self._rest[-1].text}' is not expected")
        return found

    def _term(self) -> Any:  # noqa: ANN401  (any JSON)
        self._depth += 1
        if self._depth > _DEEPEST:
            raise self._error("it is nested too deeply")
        token = self._take()
        if token.kind == "string":
            found: Any = token.text[1:-1].replace("''", "'")
        elif token.kind == "number":
            found = int(token.text)
        elif token.kind == "name":
            found = self._called(token.text)
        else:
            raise self._error(f"'{token.text}' is not expected")
        self._depth -= 1
        return found

    def _called(self, name: str) -> Any:  # noqa: ANN401  (any JSON)
        function = self._functions.get(name.lower())
        if function is None:
            known = ", ".join(sorted(self._functions))
            raise self._error(f"the template function '{name}' is not known to the emulator; it knows {known}")
        self._take("(")
        arguments: list[Any] = []
        while not self._follows(")"):
            arguments.append(self._term())
            if not self._follows(")"):
                self._take(",")
        self._take(")")
        try:
            found = function(*arguments)
        except TypeError as error:
            raise self._error(f"'{name}' does not take these arguments: {error}") from None
        return self._below(found)

    def _below(self, found: Any) -> Any:  # noqa: ANN401  (any JSON)
        """Follow ``.name`` and ``[index]`` down from a value; Azure ignores upper and lower case in names."""
        while self._follows(".") or self._follows("["):
            bracket = self._take().text == "["
            key = self._term() if bracket else self._take().text
            if bracket:
                self._take("]")
            if isinstance(found, list) and isinstance(key, int) and 0 <= key < len(found):
                found = found[key]
            elif isinstance(found, dict) and str(key).lower() in (names := {k.lower(): k for k in found}):
                found = found[names[str(key).lower()]]
            else:
                raise self._error(f"there is no '{key}'")
        return found

    def _follows(self, sign: str) -> bool:
        return bool(self._rest) and self._rest[-1] == _Token("sign", sign)

    def _take(self, sign: str = "") -> _Token:
        if not self._rest:
            raise self._error("it ends too early")
        token = self._rest.pop()
        if sign and token != _Token("sign", sign):
            raise self._error(f"'{sign}' is expected instead of '{token.text}'")
        return token

    def _error(self, reason: str) -> TemplateError:
        return TemplateError(f"The expression '{self._whole}' cannot be evaluated: {reason}.")
