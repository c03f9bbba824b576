"""A strict reader of the Groovy that is generated: what is code, and what the literals in it are.

It knows less than Groovy, and refuses what it does not know: a double-quoted string with other things in it than the one
interpolation of the templates, an escape that is not one of ours, a unicode escape outside of a literal.
"""

from __future__ import annotations

import re

SHORT = {"\\": "\\", "'": "'", "n": "\n", "r": "\r", "t": "\t", "$": "$"}
TOKEN = re.compile(
    r"(?P<comment>//[^\n\\]*)|(?P<triple>'''(?:[^'\\]|\\[^\n]|'(?!''))*''')|(?P<single>'(?:[^'\\\n\r]|\\[^\n])*')"
    r'|(?P<double>"[A-Za-z0-9${}._-]*")|(?P<code>[^\'"\\/]+|/(?!/))',
)
ESCAPE = re.compile(r"\\(?:u([0-9a-f]{4})|(.))", re.DOTALL)


def read(source: str) -> tuple[str, list[str]]:
    """The code, with `#` for each literal in single quotes and without comments; and what the literals say."""
    code, literals, at = [], [], 0
    while at < len(source):
        token = TOKEN.match(source, at)
        assert token, f"no Groovy that is known: {source[at : at + 60]!r}"
        if token["triple"] or token["single"]:
            code.append("#")
            literals.append(value(token[0]))
        elif not token["comment"]:
            code.append(token[0])
        at = token.end()
    return "".join(code), literals


def value(literal: str) -> str:
    """What a literal says."""
    inner = literal[3:-3] if literal.startswith("'''") else literal[1:-1]
    assert inner.isprintable() or set(inner) - set(map(chr, range(32, 127))) == {"\n"}, "not printable ASCII"
    return ESCAPE.sub(_unescaped, inner).encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def _unescaped(found: re.Match[str]) -> str:
    if found[1]:
        char = chr(int(found[1], 16))
        # Groovy reads unicode escapes before it reads anything else: such a one would be what it stands for.
        assert char not in "'\"\\\n\r$", f"{found[0]} is code to Groovy"
        return char
    assert found[2] in SHORT, f"{found[0]} is no escape of ours"
    return SHORT[found[2]]
