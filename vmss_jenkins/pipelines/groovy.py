"""Writes text as Groovy: what a user typed becomes a literal, and never code.

Groovy interpolates nothing in single-quoted strings. Backslashes, quotes, `$` and everything that is not printable
ASCII are escaped all the same, so that a literal is safe wherever the author of a template puts it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from vmss_jenkins.errors import ConfigError

LONGEST = 65_535
"""Most bytes of a literal in a class file."""

_SHORT = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "$": "\\$"}
_SHORT_IN_SCRIPT = {char: escape for char, escape in _SHORT.items() if char != "$"}
"""The shell's `$` is not escaped, so that the script stays readable."""
_SHORT_IN_LINES = {char: escape for char, escape in _SHORT_IN_SCRIPT.items() if char not in "'\n"}
_QUOTES_TO_ESCAPE = re.compile("'(?='|$)|^'")
"""Quotes that would make three in a row, with others or with the end."""
_WORDS = re.compile(
    r"'{3}(?:[^\\]|\\.)*?'{3}|'(?:[^'\\\n]|\\.)*'|//[^\n]*"
    r'|"{3}(?:[^\\]|\\.)*?"{3}|"(?:[^"\\\n]|\\.)*"|/\*.*?\*/',
    re.DOTALL,
)
"""Literals and comments, as far as Groovy ends them."""
_TO_ESCAPE = re.compile(r"[^ -~]|[\\'$]")
_BACKSLASHED = r"\\'"


class Code(str):
    """Text that is Groovy already; templates may print nothing else."""

    __slots__ = ()


def literal(value: object) -> Code:
    """Write a value as Groovy: a string in single quotes, true or false, a number.

    Raises:
        ConfigError: if a string is too long for a class file.
    """
    if isinstance(value, bool):
        return Code("true" if value else "false")
    if isinstance(value, int):
        return Code(str(value))
    return Code(f"'{_escaped(str(value), _SHORT)}'")


def script(text: str) -> Code:
    """Write a shell script as Groovy: in single quotes, or in three of them if it has several lines.

    Raises:
        ConfigError: if it is too long for a class file.
    """
    if "\n" not in text:
        return Code(f"'{_escaped(text, _SHORT_IN_SCRIPT)}'")
    escaped = _escaped(text, _SHORT_IN_LINES, keep="\n")
    return Code(f"'''{_QUOTES_TO_ESCAPE.sub(_BACKSLASHED, escaped)}'''")


def comment(text: str) -> Code:
    """Write a text for a comment, without characters that could end the comment, such as unicode escapes."""
    return Code("".join(char if char.isascii() and (char.isalnum() or char in " ._/:,-") else "?" for char in text))


def shape(code: str) -> str:
    """Return the code without its comments and the texts of its single-quoted literals, which are never code.

    Scripts of one shape differ in nothing that a linter of the syntax reads.
    """
    return _WORDS.sub(lambda found: "''" if found[0][0] == "'" else "" if found[0][0] == "/" else found[0], code)


def _escaped(text: str, short: Mapping[str, str], keep: str = "") -> str:
    if len(text.encode(errors="surrogatepass")) > LONGEST:
        raise ConfigError("Jenkinsfile", [f"found a text of {len(text)} characters; wanted at most {LONGEST} bytes"])
    # Most characters stay: only the others cost a call, which makes 200 jobs in half of the time.
    return _TO_ESCAPE.sub(lambda found: short.get(found[0]) or _plain(found[0], keep), text)


def _plain(char: str, keep: str) -> str:
    if " " <= char <= "~" or char in keep:
        return char
    units = char.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
