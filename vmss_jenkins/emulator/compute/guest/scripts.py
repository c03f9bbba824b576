"""How a script of a CustomScript extension changes the page that an instance serves. Pure; nothing is executed.

It understands only what the scripts of an nginx canary do:

- ``apt-get install ... nginx`` (apt, yum and dnf too): nginx serves its welcome page, if nothing was served before;
- ``sed ... 's/A/B/' .../index*.html``: A becomes B in the page, both taken as plain text, not as patterns;
- ``systemctl stop nginx``, ``service nginx stop``: nothing listens any more; ``start`` and ``restart`` serve again;
- ``exit N``, ``false``, ``set -e``, and commands joined by ``;``, ``&&`` and ``||``.

Every other command succeeds and does nothing: no variables, functions, loops, conditions or here-documents. A script
starts from the content of the image, without the changes of older scripts; on Azure those stay until a reimage.
"""

from __future__ import annotations

import fnmatch
import itertools
import re
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.scenario.release import WELCOME

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from vmss_jenkins.emulator.scenario.release import Release

_INSTALLERS = ("apt", "apt-get", "dnf", "yum")
_JOINTS = frozenset({";", "&&", "||", "|", "&"})
_SUBSTITUTION = re.compile(
    r"s(?P<d>[^\w\s\\])(?P<old>(?:\\.|(?!(?P=d)).)*)(?P=d)(?P<new>(?:\\.|(?!(?P=d)).)*)(?P=d)(?P<all>g?)"
)
_NO_SUCH_FILE = 2


@dataclass
class _Shell:
    """The state of a shell while a script runs."""

    release: Release
    status: int = 0
    strict: bool = False
    exited: bool = False


def run(release: Release, scripts: Iterable[str]) -> tuple[Release, int]:
    """Return the release after running scripts one after the other, and the exit status of the last."""
    status = 0
    for script in scripts:
        shell = _Shell(release)
        _run_text(shell, script)
        release, status = shell.release, shell.status
    return release, status


def texts(command: str, files: Mapping[str, str]) -> tuple[str, ...]:
    """Return the scripts that a ``commandToExecute`` runs: the files that it names, or else the command itself."""
    named = [word.rpartition("/")[2] for _, words in _commands(command) for word in words]
    return tuple(files[name] for name in dict.fromkeys(named) if name in files) or (command,)


def _run_text(shell: _Shell, text: str) -> None:
    for line in text.replace("\\\n", " ").splitlines():
        for joint, words in _commands(line):
            if shell.exited or (joint == "&&" and shell.status) or (joint == "||" and not shell.status):
                continue
            shell.status = _run_command(shell, words)
        if shell.strict and shell.status:
            return


def _commands(line: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the simple commands of a line, without sudo and assignments, each with the operator before it."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # a quotation that continues in the next line
        return
    joint, found = ";", list[str]()
    for word in [*words, ";"]:
        if word not in _JOINTS:
            if found or not (word == "sudo" or "=" in word or word.startswith("-")):
                found.append(word)
            continue
        if found:
            yield joint, found
        joint, found = word, []


def _run_command(shell: _Shell, words: list[str]) -> int:
    """Run one command, and return its exit status."""
    program, *arguments = words
    options = [word for word in arguments if word.startswith("-")]
    match program.rpartition("/")[2]:
        case "bash" | "sh" if "-c" in options:
            _run_text(shell, arguments[arguments.index("-c") + 1] if arguments[-1] != "-c" else "")
            return shell.status
        case "set":
            shell.strict = shell.strict or any("e" in option for option in options)
        case "exit":
            shell.exited = True
            return int(arguments[0]) % 256 if arguments and arguments[0].isdecimal() else shell.status
        case "false":
            return 1
        case "systemctl" | "service" if "nginx" in arguments:
            return _control_nginx(shell, set(arguments))
        case name if name in _INSTALLERS and {"install", "nginx"} <= set(arguments):
            if not shell.release.serves and not shell.release.page:
                shell.release = replace(shell.release, page=WELCOME)
            shell.release = replace(shell.release, serves=True)
        case "sed":
            return _substitute(shell, arguments)
    return 0


def _control_nginx(shell: _Shell, words: set[str]) -> int:
    if words & {"stop", "disable", "start", "restart"}:
        shell.release = replace(shell.release, serves=not words & {"stop", "disable"})
    return 0


def _substitute(shell: _Shell, arguments: list[str]) -> int:
    plain = [word for word in arguments if not word.startswith("-")]
    expressions = [word for option, word in itertools.pairwise(arguments) if option == "-e"] or plain[:1]
    paths = [word for word in plain if word not in expressions]
    if not any(fnmatch.fnmatchcase(path, "*index*.html") for path in paths):
        return 0
    if not shell.release.page:
        return _NO_SUCH_FILE
    page = shell.release.page
    for found in (found for expression in expressions for found in _SUBSTITUTION.finditer(expression)):
        old, new = (re.sub(r"\\(.)", r"\1", found[part]) for part in ("old", "new"))
        count = -1 if found["all"] else 1
        page = "".join(line.replace(old, new, count) if old else line for line in page.splitlines(keepends=True))
    shell.release = replace(shell.release, page=page)
    return 0
