"""Finds what is wrong, or can go wrong, in the calls of the plugin's steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from types import MappingProxyType

from vmss_jenkins.jenkins.migration.calls import (
    MARKETPLACE,
    PARAMETERS,
    UPDATE,
    UPDATE_INSTANCES,
    Call,
    Mention,
    Reading,
)

ENDPOINTS: Mapping[str, str] = MappingProxyType(
    {
        "AzureUSGovernment": "https://management.usgovcloudapi.net",
        "usgovcloudapi.net": "https://management.usgovcloudapi.net",
        "AzureChinaCloud": "https://management.chinacloudapi.cn",
        "chinacloudapi.cn": "https://management.chinacloudapi.cn",
    }
)
"""Azure Resource Manager of each cloud, by the names that builds use for the cloud."""


@dataclass(frozen=True)
class Fault:
    """A fault of a file."""

    line: int
    text: str
    """What was found, what its effect is, and what to do."""


def faults(reading: Reading) -> tuple[Fault, ...]:
    """Return the faults of a file, in the order of its lines."""
    found = [Fault(call.line, text) for call in reading.calls for text in _faults(call)]
    clouds = [Fault(one.line, _cloud(one)) for one in reading.clouds]
    # The calls of several rounds of a loop have some faults in common.
    once = dict.fromkeys([*clouds, *found, *_ignored_failures(reading.calls)])
    return tuple(sorted(once, key=lambda fault: fault.line))


def not_understood(mention: Mention) -> str:
    """Say that a step is named outside the calls that were read."""
    step = UPDATE_INSTANCES if "Instances" in mention.name else UPDATE
    call = ", ".join(f"{parameter}: ..." for parameter in PARAMETERS[step])
    return (
        f"{mention.name} is named here, but not in a call that can be read; write it as `{step} {call}` and run "
        "this command again, or translate it by hand"
    )


def _cloud(mention: Mention) -> str:
    endpoint = ENDPOINTS.get(mention.name)
    if endpoint is None:
        return f"the build uses {mention.name}, a cloud that was closed in 2021; move the scale sets to another cloud"
    return (
        f"the build uses the cloud of {mention.name}; vmss-jenkins uses the public cloud unless you set "
        f"VMSS_JENKINS_ENDPOINT={endpoint}"
    )


def _faults(call: Call) -> Iterator[str]:
    if call.caught:
        yield f"a failure of {call.step} is caught here, and the build continues; let the build fail"
    if call.loops_over_sets:
        yield (
            "a loop updates one scale set after another, and the file does not show which; list the sets in vmss.yaml "
            "instead, so that each gets its own jobs; or write `['SET-1', 'SET-2'].each { set -> ... }`, with `set` in "
            "the call, and run this command again"
        )
    yield from _update_faults(call) if call.step == UPDATE else _ids_faults(call)


def _update_faults(call: Call) -> Iterator[str]:
    image = call.image
    marketplace = [key for key in MARKETPLACE if key in image]
    if not image:
        yield "the file does not show the keys of imageReference; give an id, or publisher, offer, sku and version"
    elif "id" in image and marketplace:
        yield f"imageReference has an id and {', '.join(marketplace)}; the plugin used those that the scale set had"
    elif marketplace and len(marketplace) < len(MARKETPLACE):
        missing = ", ".join(key for key in MARKETPLACE if key not in marketplace)
        yield f"imageReference has no {missing}; the plugin wrote empty values to Azure"
    elif "id" in image:
        yield "the plugin ignored the id if the scale set had a marketplace image; `vmss-jenkins update` uses the id"
    else:
        yield (
            "the plugin removed the id if the scale set had a custom image; "
            "`vmss-jenkins update` uses the image that you give"
        )
    yield (
        "with the upgrade policy Automatic or Rolling, Azure updates every instance at once, without a canary; "
        "`vmss-jenkins update` refuses this"
    )


def _ids_faults(call: Call) -> Iterator[str]:
    ids = call.value("instanceIds")
    if call.loops_over_ids:
        yield (
            "a loop calls the step for one instance id after another; give all ids to one call, "
            "or use `vmss-jenkins rollout`"
        )
    if ids["kind"] in {"expression", "parts"}:
        yield f"the ids come from {ids['text']}; `vmss-jenkins status --outdated --output ids` prints the real ids"
    if ids["kind"] != "text" or "$" in ids["text"]:
        return
    parts = ids["text"].split(",")
    if any(part != part.strip() or not part for part in parts):
        yield f"the ids {ids['text']!r} have blanks or empty parts, which the plugin sent to Azure unchanged"
    if any(part.strip().isdigit() for part in parts):
        yield (
            f"the ids {ids['text']!r} are fixed, but ids have gaps and change when Azure replaces instances; "
            "choose the canary with --canary"
        )


def _ignored_failures(calls: tuple[Call, ...]) -> Iterator[Fault]:
    """The plugin set the result of the build after a failure, and the Pipeline continued."""
    rounds = Counter(call.line for call in calls if not call.freestyle)
    lines = sorted(rounds)
    for line, after in zip_longest(lines, lines[1:]):
        if after or rounds[line] > 1:
            place = f"line {after}" if after else "the next round of the loop"
            yield Fault(
                line, f"after a failure here the plugin let the build continue with {place}; our command stops it"
            )
