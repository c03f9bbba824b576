"""The hand-off record: what the canary's job tells the one that updates the rest.

The second job goes on only where the scale set is still what the canary was judged on. Its capacity may change:
autoscale does not make a release bad.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.images import ImageReference
from vmss_jenkins.instances import Instance, ScaleSet, ScaleSetName, has_latest_model

FORMAT = 1
"""Of the record; raised where an older reader would misunderstand it."""
SOURCE = "hand-off record"


@dataclass(frozen=True)
class GateEvidence:
    """What a gate said of the canary."""

    gate: str
    verdict: str
    detail: str = ""


@dataclass(frozen=True)
class Handoff:
    """What was judged."""

    scale_set: ScaleSetName
    image: ImageReference
    profile: str
    """Digest of the rest of the machine profile."""
    canary: tuple[str, ...]
    """Ids of the instances that ran the image."""
    gates: tuple[GateEvidence, ...] = ()
    build: str = ""
    """URL of the build that judged."""


def handoff_of(
    scale_set: ScaleSet, instances: Sequence[Instance], gates: Sequence[GateEvidence] = (), build: str = ""
) -> Handoff:
    """Record what a set is now, its updated instances as the canary.

    Raises:
        ConfigError: where no instance has the latest model, or the image is of no kind that we know.
    """
    canary = tuple(one.id for one in instances if has_latest_model(one, scale_set))
    if not canary or scale_set.image is None:
        reason = "its image is unknown" if scale_set.image is None else "no instance has the latest model"
        raise ConfigError(f"scale set {scale_set.name}", [f"{reason}: there is no canary to hand over"])
    return Handoff(scale_set.name, scale_set.image, scale_set.profile, canary, tuple(gates), build)


def to_json(record: Handoff) -> str:
    """Write a record on one line, so that it can be pasted into a build's form."""
    image = {key: value for key, value in asdict(record.image).items() if value}
    return json.dumps({"format": FORMAT, **asdict(record), "image": image})


def from_json(text: str) -> Handoff:
    """Read a record.

    Raises:
        ConfigError: for what is none.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(SOURCE, [f"is not JSON: {error}"]) from error
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        found = values.get("format") if isinstance(values, dict) else type(values).__name__
        raise ConfigError(SOURCE, [f"found the format {found!r}; wanted {FORMAT}"])
    try:
        return Handoff(
            ScaleSetName(**_texts(values["scale_set"])),
            ImageReference.from_mapping(_texts(values["image"])),
            _text(values["profile"]),
            tuple(_text(one) for one in values["canary"]),
            tuple(GateEvidence(**_texts(one)) for one in values.get("gates", ())),
            _text(values.get("build", "")),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(SOURCE, [f"is incomplete or malformed: {type(error).__name__}: {error}"]) from error


def mismatches(record: Handoff, scale_set: ScaleSet, instances: Sequence[Instance]) -> tuple[str, ...]:
    """Why a set is not what the canary was judged on; empty where it is.

    Args:
        record: what the canary's job left.
        scale_set: the set as it is now.
        instances: its instances as they are now.
    """
    return tuple(_mismatches(record, scale_set, instances))


def _mismatches(record: Handoff, scale_set: ScaleSet, instances: Sequence[Instance]) -> Iterator[str]:
    found, wanted = scale_set.name, record.scale_set
    if (found.resource_group.lower(), found.name.lower()) != (wanted.resource_group.lower(), wanted.name.lower()):
        yield f"the record is of {wanted}, the job of {found}"
        return
    if not record.image.same_as(scale_set.image):
        yield f"the model's image is {scale_set.image or 'unknown'}; the canary had {record.image}"
    if record.profile != scale_set.profile:
        yield "the machine profile changed beside its image since the canary was verified"
    yield from _canary_faults(record, {one.id.lower(): one for one in instances})


def _canary_faults(record: Handoff, present: dict[str, Instance]) -> Iterator[str]:
    canaries = [present[one.lower()] for one in record.canary if one.lower() in present]
    if not canaries:
        yield f"none of the canary's instances is left: {', '.join(record.canary) or 'it had none'}"
    for one in canaries:
        if not record.image.same_as(one.image):
            yield f"canary instance {one.id} runs {one.image or 'an unknown image'}; wanted {record.image}"
        elif not one.is_healthy:
            state = f"{one.provisioning_state}, {one.power or 'power unknown'}, health {one.health.value}"
            yield f"canary instance {one.id} is not well: {state}"


def _texts(values: dict[str, object]) -> dict[str, str]:
    return {key: _text(value) for key, value in values.items()}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"found {value!r}, wanted a text")
    return value
