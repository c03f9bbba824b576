"""The hand-off record: what the canary job passes to the full job.

The full job goes on only if the scale set is still the one that the canary was verified on. Its capacity may change:
autoscale does not make a release bad.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.gates.verdicts import Measurement, Threshold
from vmss_jenkins.jenkins.plan.verified_settings import KINDS, VerifiedSettings
from vmss_jenkins.model.applications import PACKAGE, GalleryApplication, short_key
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Instance, ScaleSet, ScaleSetName, has_latest_model

FORMAT = 1
"""Version of the record's format; a higher number if an older reader would misunderstand a record."""
SOURCE = "hand-off record"
LONGEST_DETAIL = 500
"""Most characters of a gate's answer: the record is a build parameter, so it is an environment variable too."""
_CONSEQUENCES = {"go on": "passed", "fail": "failed", "halt": "inconclusive"}
"""What a rollout did after its gates -> the verdict of the gates together."""


@dataclass(frozen=True)
class GateEvidence:
    """A gate's verdict on the canary."""

    gate: str
    verdict: str
    detail: str = ""
    figures: str = ""
    """The measurements, one a line; not part of the record."""


@dataclass(frozen=True)
class Handoff:
    """The release and the canary that were verified."""

    scale_set: ScaleSetName
    image: ImageReference
    profile: str
    """Digest of the rest of the machine profile."""
    canary: tuple[str, ...]
    """Ids of the instances that run the release."""
    gates: tuple[GateEvidence, ...] = ()
    build: str = ""
    """URL of the build that verified it."""
    settings: VerifiedSettings | None = None
    """The release if it is a script or an application; otherwise the release is the image."""

    @property
    def release(self) -> str:
        """The release, for people."""
        return str(self.settings or self.image)

    @property
    def short_name(self) -> str:
        """The short name that people use for the release."""
        return self.settings.name if self.settings else self.image.short_name

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the full job that name the release; none for a script, which the model has."""
        if self.settings:
            return {"APPLICATION_VERSION": self.settings.version} if self.settings.kind == "application" else {}
        return {"IMAGE_ID": self.image.id} if self.image.id else {"IMAGE_URN": str(self.image)}


def handoff_of(
    scale_set: ScaleSet, instances: Sequence[Instance], gates: Sequence[GateEvidence] = (), build: str = ""
) -> Handoff:
    """Record a set as it is now; its updated instances are the canary.

    Raises:
        ConfigError: if no instance has the latest model, the kind of image is unknown, or the release is a script or
            an application and the set has none.
    """
    settings = scale_set.extension
    if settings and settings.absent:
        raise ConfigError(f"scale set {scale_set.name}", [f"found no extension {settings.name}; check --extension"])
    if settings and settings.is_application and not settings.values[PACKAGE]:
        raise ConfigError(f"scale set {scale_set.name}", [f"found {settings.short_name}; check --application"])
    canary = tuple(one.id for one in instances if has_latest_model(one, scale_set)) or _running_it(scale_set, instances)
    image = _exact(scale_set.image, [one for one in instances if one.id in canary])
    if not canary or image is None:
        reason = "its image is unknown" if scale_set.image is None else "no instance has the latest model"
        raise ConfigError(f"scale set {scale_set.name}", [f"{reason}: there is no canary to hand over"])
    verified = VerifiedSettings.of(settings) if settings else None
    return Handoff(scale_set.name, image, scale_set.profile, canary, tuple(gates), build, verified)


def _running_it(scale_set: ScaleSet, instances: Sequence[Instance]) -> tuple[str, ...]:
    """Those that ran the exact version of the model's image before the model named it so."""
    image = scale_set.image
    known = image is not None and image.exact_version is not None and scale_set.extension is None
    return tuple(one.id for one in instances if image and known and image.same_as(one.image))


def _exact(image: ImageReference | None, canary: Sequence[Instance]) -> ImageReference | None:
    """The image that was judged: of a model that names the newest version, the one that the canary runs."""
    return next((one.image for one in canary if one.image and one.image.is_version_of(image)), image)


def to_json(record: Handoff) -> str:
    """Write a record on one line, so that a person can paste it into a build's form."""
    image = {key: value for key, value in asdict(record.image).items() if value}
    gates = [{"gate": one.gate, "verdict": one.verdict, "detail": one.detail} for one in record.gates]
    values = {key: value for key, value in asdict(record).items() if value is not None}
    if settings := values.pop("settings", None):
        values[settings.pop("kind")] = settings
    return json.dumps({"format": FORMAT, **values, "image": image, "gates": gates})


def from_json(text: str) -> Handoff:
    """Read a record.

    Raises:
        ConfigError: if the text is not a record.
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
            _settings_in(values),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigError(SOURCE, [f"is incomplete or malformed: {type(error).__name__}: {error}"]) from error


def _settings_in(values: dict[str, Any]) -> VerifiedSettings | None:
    kind = next((kind for kind in KINDS if kind in values), None)
    return VerifiedSettings(**{**_texts(values[kind]), "kind": kind}) if kind else None


def other_release(
    record: Handoff, wanted: ImageReference | GalleryApplication | None, scale_set: ScaleSet
) -> tuple[str, ...]:
    """Why what is to be rolled out is not what the record is of; empty if it is.

    Args:
        record: the record that the canary job wrote.
        wanted: the release as it was named; None for what the model has.
        scale_set: the set, with its extension or application chosen.
    """
    return tuple(_other_release(record, wanted, scale_set))


def _other_release(
    record: Handoff, wanted: ImageReference | GalleryApplication | None, scale_set: ScaleSet
) -> Iterator[str]:
    judged, chosen = record.settings, scale_set.extension
    image = wanted if isinstance(wanted, ImageReference) else None
    if image and not (record.image.same_as(image) or record.image.is_version_of(image)):
        yield f"the canary had {record.image}, but {image} is to be rolled out"
    if judged and (image or chosen is None):
        yield f"the record is of {judged}, but an image is to be rolled out"
    elif chosen and (judged is None or not judged.is_of(chosen)):
        what = f"the application {short_key(chosen.name)}" if chosen.is_application else f"the script of {chosen.name}"
        yield f"the record is of {judged or 'an image'}, but {what} is to be rolled out"
    elif judged and isinstance(wanted, GalleryApplication) and wanted.version not in {"", judged.version}:
        yield f"the canary had {judged}, but version {wanted.version} is to be rolled out"


def mismatches(record: Handoff, scale_set: ScaleSet, instances: Sequence[Instance]) -> tuple[str, ...]:
    """Return how a set differs from the one that the canary was verified on; empty if it does not.

    Args:
        record: the record that the canary job wrote.
        scale_set: the set as it is now.
        instances: its instances as they are now.
    """
    return tuple(_mismatches(record, scale_set, instances))


def _mismatches(record: Handoff, scale_set: ScaleSet, instances: Sequence[Instance]) -> Iterator[str]:
    found, wanted = scale_set.name, record.scale_set
    if (found.resource_group.lower(), found.name.lower()) != (wanted.resource_group.lower(), wanted.name.lower()):
        yield f"the record is for {wanted}, the job is for {found}"
        return
    if not (record.image.same_as(scale_set.image) or record.image.is_version_of(scale_set.image)):
        yield f"the model's image is {scale_set.image or 'unknown'}; the canary runs {record.image}"
    if record.settings and not record.settings.is_in(scale_set):
        yield f"{record.settings.place} no longer has {record.release}"
    elif record.profile != scale_set.profile:
        yield "the machine profile (without its image) changed since the canary was verified"
    yield from _canary_faults(record, {one.id.lower(): one for one in instances})


def _canary_faults(record: Handoff, present: dict[str, Instance]) -> Iterator[str]:
    canaries = [present[one.lower()] for one in record.canary if one.lower() in present]
    if not canaries:
        yield f"no canary instance exists any more: {', '.join(record.canary) or 'the record names none'}"
    for one in canaries:
        if not record.image.same_as(one.image):
            yield f"canary instance {one.id} runs {one.image or 'an unknown image'}; wanted {record.image}"
        elif record.settings and not one.latest_model_applied:
            yield f"canary instance {one.id} does not have the latest model, so it does not have {record.release}"
        elif not one.is_healthy:
            state = f"{one.provisioning_state}, {one.power or 'power unknown'}, health {one.health.value}"
            yield f"canary instance {one.id} is not healthy: {state}"


def evidence_in(result: Any) -> tuple[GateEvidence, ...]:  # noqa: ANN401 - any JSON
    """Find the gates' verdicts in the JSON of an assessment (each gate) or of a rollout's result (each stage)."""
    if isinstance(result, dict):
        keys = set(result)
        if {"gate", "outcome"} <= keys:
            figures = "\n".join(_figures(result.get("measurements")))
            return (_evidence(result["gate"], result["outcome"], result.get("reason"), figures),)
        if {"stage", "consequence"} <= keys and not result.get("verdicts"):
            verdict = _CONSEQUENCES.get(str(result["consequence"]), "error")
            return (_evidence(f"gates after the {result['stage']}", verdict, result.get("reason")),)
        return tuple(found for inner in result.values() for found in evidence_in(inner))
    return tuple(found for inner in result for found in evidence_in(inner)) if isinstance(result, list) else ()


def _evidence(gate: object, verdict: object, detail: object, figures: str = "") -> GateEvidence:
    return GateEvidence(str(gate), str(verdict), str(detail or "")[:LONGEST_DETAIL], figures)


def _figures(measured: object) -> Iterator[str]:
    """Write each measurement; leave out what is not one."""
    for one in measured if isinstance(measured, list) else ():
        with suppress(AttributeError, KeyError, TypeError, ValueError):
            limit = one.get("threshold")
            threshold = Threshold(float(limit["limit"]), bool(limit.get("at_least"))) if limit else None
            value, whose = float(one["value"]), one.get("instance_id")
            yield str(Measurement(str(one["what"]), value, one["unit"], one["samples"], threshold, whose))


def _texts(values: dict[str, object]) -> dict[str, str]:
    return {key: _text(value) for key, value in values.items()}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"found {value!r}, wanted a text")
    return value
