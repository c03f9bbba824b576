"""From the calls of the plugin's steps in a Jenkinsfile to our commands, and to the faults that lay in them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

UPDATE = "azureVMSSUpdate"
MARKETPLACE = ("publisher", "offer", "sku", "version")
_REFERENCE = re.compile(r"\$(?:(\w+)|\{([\w.]+)\})", re.ASCII)


@dataclass(frozen=True)
class Call:
    """One call of a step of the plugin, as Groovy's parser saw it."""

    step: str
    """`azureVMSSUpdate` or `azureVMSSUpdateInstances`."""
    line: int
    """In its Jenkinsfile, from 1."""
    given: Mapping[str, Any]
    """Each parameter: `kind` (`text`, `variable`, `parts`, `map`, `groovy`) and what belongs to it."""
    in_loop: bool = False
    caught: bool = False
    """Its failure is caught by a `try`, a `catchError` or a `warnError`."""


@dataclass(frozen=True)
class Fault:
    """What was wrong, or could go wrong, in a call."""

    line: int
    text: str
    """What was found, what it does, and what to do instead."""


def commands(calls: Iterable[Call]) -> tuple[str, ...]:
    """Write the command line that does what each call meant to do.

    Values that come from the environment stay variables; for other Groovy a variable is named that is to hold it.
    """
    return tuple(_command(call) for call in calls)


def faults(calls: Iterable[Call]) -> tuple[Fault, ...]:
    """Name the latent faults of a Jenkinsfile's calls, in the order of its lines."""
    in_order = tuple(sorted(calls, key=lambda call: call.line))
    found = [fault for call in in_order for fault in _faults(call)]
    return tuple(sorted([*found, *_going_on(in_order)], key=lambda fault: fault.line))


def configurations(calls: Iterable[Call]) -> tuple[dict[str, Any], ...]:
    """Return what of vmss.yaml can be known from the calls: a file for each credentials id, which a file has one of."""
    files: dict[str, dict[tuple[str, str], dict[str, Any]]] = {}
    for call in calls:
        group, name = (_plain(call.given.get(key), key) for key in ("resourceGroup", "name"))
        sets = files.setdefault(_credentials(call), {})
        sets.setdefault((group, name), {"name": name, "resource_group": group}).update(_known(call))
    return tuple(
        {"jenkins": {"credentials": {"kind": "azure-service-principal", "id": id_}}, "sets": list(sets.values())}
        for id_, sets in files.items()
    )


def _credentials(call: Call) -> str:
    given = call.given.get("azureCredentialsId")
    return given["text"] if given and given["kind"] == "text" else _plain(given, "azureCredentialsId")


def _known(call: Call) -> dict[str, str]:
    """The image or the canary's ids of a call, where they are written out in it."""
    if call.step == UPDATE:
        image = _image(call)
        texts = {key: value["text"] for key, value in image.items() if value["kind"] == "text" and value["text"]}
        if set(texts) == {"id"} and "$" not in texts["id"]:
            return {"image": texts["id"]}
        return {"image": ":".join(texts[key] for key in MARKETPLACE)} if set(texts) == set(MARKETPLACE) else {}
    ids = call.given.get("instanceIds", {})
    written = ids.get("kind") == "text" and ids["text"].strip() not in {"", "*"} and "$" not in ids["text"]
    return {"instance_ids": ",".join(_ids(ids["text"]))} if written else {}


def _command(call: Call) -> str:
    words = ["vmss-jenkins", "update" if call.step == UPDATE else "update-instances"]
    words += [f"--resource-group={_word(call.given.get('resourceGroup'), 'RESOURCE_GROUP')}"]
    words += [f"--name={_word(call.given.get('name'), 'VMSS_NAME')}"]
    if call.step == UPDATE:
        return " ".join([*words, _image_option(call)])
    ids = call.given.get("instanceIds")
    if ids and ids["kind"] == "text" and ids["text"].strip() != "*":
        ids = {"kind": "text", "text": ",".join(_ids(ids["text"]))}
    if call.in_loop:
        ids = {"kind": "variable", "text": "INSTANCE_IDS"}
    return " ".join([*words, f"--instance-ids={_word(ids, 'INSTANCE_IDS', expands=True)}"])


def _image_option(call: Call) -> str:
    image = _image(call)
    if not image:
        return '--image-id="$IMAGE_ID"'
    if "id" in image:
        return f"--image-id={_word(image['id'], 'IMAGE_ID', expands=True)}"
    return "--image=" + ":".join(_word(image.get(key), f"IMAGE_{key.upper()}", expands=True) for key in MARKETPLACE)


def _image(call: Call) -> Mapping[str, Any]:
    """The image's keys that say something; empty where it is no map."""
    given = call.given.get("imageReference", {})
    entries: Mapping[str, Any] = given.get("map", {}) if given.get("kind") == "map" else {}
    return {key: value for key, value in entries.items() if key != "$class" and value != {"kind": "text", "text": ""}}


def _word(value: Mapping[str, Any] | None, otherwise: str, *, expands: bool = False) -> str:
    """One word for the shell; `otherwise` is the variable for what only Groovy knows."""
    if value is None or value["kind"] in {"groovy", "map"}:
        return f'"${otherwise}"'
    if value["kind"] == "variable":
        return f'"${value["text"]}"'
    if value["kind"] == "parts":
        return "".join(_word(part, otherwise, expands=expands) for part in value["parts"] if part.get("text"))
    if not expands:
        return shlex.quote(value["text"])
    return _expanding(value["text"])


def _expanding(text: str) -> str:
    """Quote a text in which the plugin expanded `$NAME` and `${NAME}`."""
    words, after = [], 0
    for found in _REFERENCE.finditer(text):
        words += [shlex.quote(text[after : found.start()])] if found.start() > after else []
        words.append(f'"${{{found[1] or found[2]}}}"')
        after = found.end()
    return "".join(words) + (shlex.quote(text[after:]) if after < len(text) or not words else "")


def _plain(value: Mapping[str, Any] | None, key: str) -> str:
    """A value for vmss.yaml: what is written, or a name that tells what belongs there."""
    if value and value["kind"] == "text" and re.fullmatch(r"[\w().-]+", value["text"], re.ASCII):
        return str(value["text"])
    return f"FILL-IN-{value['text'] if value and value['kind'] == 'variable' else key}"


def _ids(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _faults(call: Call) -> Iterator[Fault]:
    if call.caught:
        yield Fault(call.line, f"a failure of {call.step} is caught here and the build goes on; let it fail")
    texts = _update_faults(call) if call.step == UPDATE else _ids_faults(call)
    for text in texts:
        yield Fault(call.line, text)


def _update_faults(call: Call) -> Iterator[str]:
    image = _image(call)
    marketplace = [key for key in MARKETPLACE if key in image]
    if not image:
        yield "imageReference is not written out here, so it cannot be told what it holds; give an id, or all four keys"
    elif "id" in image and marketplace:
        yield f"imageReference mixes id and {', '.join(marketplace)}; the plugin used what the set has then"
    elif marketplace and len(marketplace) < len(MARKETPLACE):
        missing = ", ".join(key for key in MARKETPLACE if key not in marketplace)
        yield f"imageReference lacks {missing}; the plugin wrote them as empty"
    elif "id" in image:
        yield "the plugin ignored id where the scale set has a marketplace image; `update` takes what you give"
    else:
        yield "the plugin blanked the id where the scale set has a custom image; `update` takes what you give"
    yield (
        "in the upgrade policy Automatic or Rolling this updates every instance at once, and no canary is left; "
        "`vmss-jenkins update` refuses that"
    )


def _ids_faults(call: Call) -> Iterator[str]:
    ids = call.given.get("instanceIds", {"kind": "text", "text": ""})
    if call.in_loop:
        yield "a loop calls the step once an id, each waiting for the last; give all ids to one call, or use `rollout`"
    if ids["kind"] != "text":
        if ids["kind"] in {"groovy", "parts"}:
            yield f"the ids come from {ids['text']}; `vmss-jenkins status --outdated --output ids` tells them surely"
        return
    parts = ids["text"].split(",")
    if any(part != part.strip() or not part for part in parts):
        yield f"the ids {ids['text']!r} have blanks or empty parts, which the plugin passed on to Azure untrimmed"
    if any(part.strip().isdigit() for part in parts):
        yield f"the ids {ids['text']!r} are hard-coded, but Azure neither keeps nor counts them on; choose by --canary"


def _going_on(calls: tuple[Call, ...]) -> Iterator[Fault]:
    """The plugin told a failure to the build's result and not to the Pipeline."""
    for before, after in pairwise(calls):
        text = f"a failure here would not have stopped the build before line {after.line}; the command's failure does"
        yield Fault(before.line, text)
