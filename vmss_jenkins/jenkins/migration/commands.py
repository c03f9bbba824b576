"""Writes the command lines and the vmss.yaml that do what the calls of the plugin's steps do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from vmss_jenkins.jenkins.migration.calls import MARKETPLACE, PARAMETERS, UPDATE, Call, Value, leaves, rest_of_image
from vmss_jenkins.jenkins.migration.shell_words import expressions, variable_names, word

ALL_IDS = "INSTANCE_IDS"
"""The variable for the ids of all rounds of a loop."""


@dataclass(frozen=True)
class Command:
    """A command line that does what a call does."""

    call: Call
    line: str
    legend: Mapping[str, str]
    """What each variable of the line is that the build's environment does not set."""


def commands(calls: Iterable[Call]) -> tuple[Command, ...]:
    """Write a command line for each call.

    Variables of the build's environment stay variables. Each distinct Groovy expression becomes a variable that is
    named after it and explained in the legend.
    """
    all_calls = tuple(calls)
    names = variable_names(all_calls)
    return tuple(_command(call, names) for call in all_calls)


def configurations(calls: Iterable[Call]) -> tuple[dict[str, Any], ...]:
    """Return what the calls show of vmss.yaml: one file for each credentials id, since a file has one id."""
    all_calls = tuple(calls)
    names = variable_names(all_calls)
    files: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
    for call in all_calls:
        group, name = (_plain(call.value(key), names) for key in ("resourceGroup", "name"))
        sets = files.setdefault(_credentials(call, names), {})
        one = sets.setdefault((group, name), {"name": name, "resource_group": group})
        known = _known(call)
        if call.loops_over_ids and "instance_ids" in known:  # the ids of all rounds
            known["instance_ids"] = ",".join(ids_of(f"{one.get('instance_ids', '')},{known['instance_ids']}"))
        one.update(known)
    return tuple(
        {"jenkins": {"credentials": {"kind": "azure-service-principal", "id": id_}}, "sets": list(sets.values())}
        for id_, sets in files.items()
    )


def ids_of(text: str) -> list[str]:
    """Split a list of instance ids at commas, without blanks and repetitions."""
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _credentials(call: Call, names: Mapping[str, str]) -> str:
    value = call.value("azureCredentialsId")
    return str(value["text"]) if value["kind"] == "text" else _plain(value, names)


def _known(call: Call) -> dict[str, str]:
    """The image, or the instance ids of the canary, if the call has them as text."""
    if call.step == UPDATE:
        texts = {key: value["text"] for key, value in call.image.items() if value["kind"] == "text"}
        if set(texts) == {"id"} and "$" not in texts["id"]:
            return {"image": texts["id"]}
        return {"image": ":".join(texts[key] for key in MARKETPLACE)} if set(texts) == set(MARKETPLACE) else {}
    ids = call.value("instanceIds")
    is_list = ids["kind"] == "text" and ids["text"].strip() not in {"", "*"} and "$" not in ids["text"]
    return {"instance_ids": ",".join(ids_of(ids["text"]))} if is_list else {}


def _command(call: Call, names: Mapping[str, str]) -> Command:
    words = ["vmss-jenkins", "update" if call.step == UPDATE else "update-instances"]
    words += [f"--resource-group={word(call.value('resourceGroup'), names)}"]
    words += [f"--name={word(call.value('name'), names)}"]
    used = [call.value("resourceGroup"), call.value("name")]
    legend: dict[str, str] = {}
    if call.step == UPDATE:
        words.append(_image_option(call, names))
        used += [call.value("imageReference")]
    elif call.loops_over_ids and "instanceIds" in call.varies:
        words.append(f'--instance-ids="${ALL_IDS}"')
        legend[ALL_IDS] = "the ids of all rounds of the loop, separated by commas"
    else:
        used += [_without_blanks(call.value("instanceIds"))]
        words.append(f"--instance-ids={word(used[-1], names, expands=True)}")
    varying = expressions(map(call.value, call.varies), names)
    for name, expression in expressions(used, names).items():
        each = "; it has another value in each round of the loop" if name in varying else ""
        legend[name] = _explain(call, expression) + each
    return Command(call, " ".join(words), legend)


def _explain(call: Call, expression: str) -> str:
    not_given = expression in PARAMETERS[call.step] and expression not in call.given and not call.rest
    return f"{expression}, which the call does not give" if not_given else f"the value of {expression}"


def _without_blanks(ids: Value) -> Value:
    listed = ids["kind"] == "text" and ids["text"].strip() != "*"
    return {"kind": "text", "text": ",".join(ids_of(ids["text"]))} if listed else ids


def _image_option(call: Call, names: Mapping[str, str]) -> str:
    image, reference = call.image, call.value("imageReference")
    if "id" in image:
        return f"--image-id={word(image['id'], names, expands=True)}"
    if reference["kind"] != "map":
        return f"--image-id={word(reference, names)}"
    if not image:
        return f"--image-id={word(rest_of_image(reference), names) if 'rest' in reference else 'FILL-IN'}"
    missing: Value = {"kind": "text", "text": "FILL-IN"}
    return "--image=" + ":".join(word(image.get(key, missing), names, expands=True) for key in MARKETPLACE)


def _plain(value: Value, names: Mapping[str, str]) -> str:
    """A value for vmss.yaml: its text, or FILL-IN with the variables that it is made of."""
    if value["kind"] == "text" and re.fullmatch(r"[\w().-]+", value["text"], re.ASCII):
        return str(value["text"])
    parts = [names.get(leaf["text"], leaf["text"]) for leaf in leaves(value)]
    return "FILL-IN-" + re.sub(r"[^\w()]+", "-", "-".join(parts), flags=re.ASCII).strip("-")
