"""Write the pages of docs/reference, made from the code.

python docs/make_reference.py [DIRECTORY]
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from vmss_jenkins import errors
from vmss_jenkins.azure.errors import NEXT_STEPS as AZURE_STEPS
from vmss_jenkins.cli import ROOMS, SECTIONS, cli, command_of, exit_codes
from vmss_jenkins.config import json_schema
from vmss_jenkins.jenkins.errors import NEXT_STEPS as JENKINS_STEPS
from vmss_jenkins.report.reading import KINDS
from vmss_jenkins.rollout.plan import claims

PLACE = Path(__file__).parent / "reference"
MADE = "Made from the code by `docs/make_reference.py`; a test keeps it true."


ROOTS = (errors, claims)
"""The modules that define errors, so that all of them are known."""


def documents() -> dict[str, str]:
    """Make the pages, by their names."""
    pages = {
        "commands": _commands(),
        "vmss-yaml": _configuration(),
        "events": _events(),
        "exit-codes": _exit_codes(),
        "errors": _errors(),
    }
    return {f"{name}.md": "\n".join(parts).rstrip("\n") + "\n" for name, parts in pages.items()}


def _commands() -> Iterator[str]:
    yield f"# Commands\n\n{MADE}\n"
    root = click.Context(cli, info_name="vmss-jenkins", max_content_width=100, terminal_width=100)
    for room, commands in ROOMS.items():
        links = ", ".join(f"[{name}](#vmss-jenkins-{name})" for name in commands)
        yield f"- {SECTIONS[room]}: {links}"
    yield ""
    for name in (name for commands in ROOMS.values() for name in commands):
        yield from _help(command_of(name), name, root)


def _help(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    context = command.context_class(command, info_name=name, parent=parent, max_content_width=100, terminal_width=100)
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found:
                yield from _help(found, inner, context)


def _exit_codes() -> Iterator[str]:
    yield f"# Exit codes\n\n{MADE}\n\n| code | means |\n|---|---|"
    yield from (f"| {code} | {_cell(means)} |" for code, means in exit_codes.MEANINGS.items())
    yield "\nA step of a Jenkins build fails at every code but 0."


def _configuration() -> Iterator[str]:
    yield f"# vmss.yaml\n\n{MADE}\n\nThe keys of each part; `vmss-jenkins schema` prints the JSON Schema for editors.\n"
    schema = json_schema()
    yield from _part("The file", schema)
    for name, part in schema["$defs"].items():
        yield from _part(name, part)


def _part(name: str, part: dict[str, Any]) -> Iterator[str]:
    yield f"## {name}\n\n{_sentence(part.get('description', ''))}\n\n| key | value | default | |\n|---|---|---|---|"
    for key, value in part.get("properties", {}).items():
        default = "" if value.get("default") in (None, "") else f"`{value['default']}`"
        if isinstance(value.get("default"), (dict, list)):
            default = ""
        yield f"| `{key}` | {_cell(_type(value))} | {_cell(default)} | {_cell(value.get('description', ''))} |"
    yield ""


def _type(value: dict[str, Any]) -> str:
    if "$ref" in value:
        name = value["$ref"].split("/")[-1]
        return f"[{name}](#{name.lower()})"
    if "enum" in value:
        return ", ".join(f"`{one}`" for one in value["enum"])
    if "anyOf" in value:
        return " or ".join(dict.fromkeys(_type(one) for one in value["anyOf"] if one.get("type") != "null"))
    if value.get("type") == "array":
        return f"list of {_type(value.get('items', {}))}"
    return str(value.get("type", "any"))


def _events() -> Iterator[str]:
    yield f"# Events\n\n{MADE}\n"
    yield "`rollout --events FILE` writes one JSON object a line: `time`, `kind`, and what the kind contains."
    yield "`vmss-jenkins schema events` prints the JSON Schema.\n\n| kind | when | contains |\n|---|---|---|"
    for kind, event in KINDS.items():
        tells = ", ".join(f"`{one.name}`" for one in dataclasses.fields(event))
        yield f"| `{kind}` | {_cell(_sentence(event.__doc__ or ''))} | {tells} |"
    yield ""


def _errors() -> Iterator[str]:
    yield f"# Errors\n\n{MADE}\n\nEach is a `vmss_jenkins.VmssJenkinsError`.\n"
    yield "| error | exit code | when |\n|---|---|---|"
    public = (error for error in _tree(errors.VmssJenkinsError) if not error.__name__.startswith("_"))
    for error in sorted(public, key=lambda one: one.__name__):
        yield f"| `{error.__name__}` | {error.exit_code} | {_cell(_sentence(error.__doc__ or ''))} |"
    yield "\n## Codes of Azure, and what to do\n\n| code | what to do |\n|---|---|"
    yield from (f"| `{code}` | {_cell(cure)} |" for code, cure in AZURE_STEPS.items())
    yield "\n## Answers of Jenkins, and what to do\n\n| HTTP status | what to do |\n|---|---|"
    yield from (f"| {status} | {_cell(cure)} |" for status, cure in JENKINS_STEPS.items())


def _tree(error: type[errors.VmssJenkinsError]) -> Iterator[type[errors.VmssJenkinsError]]:
    yield error
    for inner in error.__subclasses__():
        yield from _tree(inner)


def _sentence(text: str) -> str:
    """The first paragraph, on one line."""
    return " ".join(text.partition("\n\n")[0].split())


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|").replace("<", "&lt;")


if __name__ == "__main__":
    place = Path(sys.argv[1]) if sys.argv[1:] else PLACE
    place.mkdir(exist_ok=True)
    for name, text in documents().items():
        (place / name).write_text(text)
