"""vmss.yaml: which scale sets and blue-green pairs get Jenkins jobs, and which kind of jobs.

`parse` reads its text and reports every fault at once; `json_schema` describes it for editors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, ConfigDict, ValidationError, model_validator

from vmss_jenkins.config import faults, located_yaml, values
from vmss_jenkins.config.application import ApplicationRelease
from vmss_jenkins.config.pairs import PairConfig, inherited
from vmss_jenkins.config.parts import Govern, Jenkins, Rollout, Timeouts, Value
from vmss_jenkins.config.script import ScriptRelease
from vmss_jenkins.config.values import as_tuple
from vmss_jenkins.errors import ConfigError

ValueT = TypeVar("ValueT", bound=Value)


class Settings(Value):
    """The keys that `defaults` may have too."""

    resource_group: values.GroupName | None = None
    subscription: values.Guid | None = None
    """By default the subscription of the credentials."""
    description: values.Prose = ""
    image: values.Image | None = None
    """Default of the image parameter: an id, or publisher:offer:sku:version."""
    script: ScriptRelease | None = None
    """The release is the script of an extension instead of an image."""
    application: ApplicationRelease | None = None
    """The release is a version of an application in a compute gallery instead of an image."""
    canary: values.Amount = "1"
    """How many instances get the release first."""
    instance_ids: values.Ids | None = None
    """Ids of the instances that get the release first: the flavour `plugin` needs them, as it chooses no canary."""
    rollout: Rollout = Rollout()
    gates: Annotated[tuple[values.Gate, ...], BeforeValidator(as_tuple)] = ("instance-health",)
    promotion: Literal["manual", "approval", "automatic"] = "manual"
    on_failure: Literal["rollback", "stop"] = "rollback"
    timeouts: Timeouts = Timeouts()
    schedule: values.Schedule | None = None
    """When Jenkins starts the canary job, as in cron; needs a release, such as a gallery's latest image."""
    govern: Govern | None = None
    """A job that answers Azure's automatic OS upgrades: gates judge each batch before Azure upgrades the next one."""
    rollback_job: bool = True
    flavour: Literal["command", "plugin"] = "command"


class ScaleSetConfig(Settings):
    """A scale set that gets jobs."""

    name: values.SetName
    job_name: values.JobName | None = None
    """First part of its jobs' names; the set's name by default."""

    @property
    def base_name(self) -> str:
        """The first part of its jobs' names."""
        return self.job_name or self.name

    @property
    def surges(self) -> bool:
        """Whether a rollout replaces instances instead of updating them."""
        return self.rollout.strategy == "surge"

    @property
    def max_surge(self) -> str:
        """How many extra instances there may be at a time; the canary's size by default."""
        return self.rollout.max_surge or self.canary

    @model_validator(mode="after")
    def _fits(self) -> ScaleSetConfig:
        if reasons := tuple(self._faults()):
            raise ValueError("; ".join(reasons))
        return self

    def _faults(self) -> Iterator[str]:
        if not self.resource_group:
            yield "needs a resource_group, here or under defaults"
        if self.flavour == "plugin" and not self.instance_ids:
            yield "flavour plugin needs instance_ids such as '0,1': its step cannot choose a canary"
        if self.flavour == "plugin" and self.image and "/" not in self.image:
            yield "flavour plugin needs an image id: its jobs take no marketplace image"
        if self.flavour == "plugin" and not self.releases_images:
            yield f"flavour plugin takes no {'script' if self.script else 'application'}: its steps set images only"
        if self.flavour == "plugin" and self.govern:
            yield "flavour plugin has no job for govern: only the command answers Azure's own upgrades"
        if self.surges and (self.flavour == "plugin" or self.instance_ids):
            yield "the strategy surge creates its canary instances: remove instance_ids and flavour plugin"
        kinds = {"an image": self.image, "a script": self.script, "an application": self.application}
        if len(found := [kind for kind, release in kinds.items() if release]) > 1:
            first = found[0].split()[1]
            yield f"found {' and '.join(found)}; wanted one of them ({first}: null removes the {first} of the defaults)"
        if self.schedule and not self._has_release:
            releases = "an image, a script with a text or url, or an application with a version"
            yield f"a schedule needs {releases}: nobody fills in the form of such a build"

    @property
    def releases_images(self) -> bool:
        """Whether its release is an image."""
        return not (self.script or self.application)

    @property
    def _has_release(self) -> bool:
        if self.application:
            return bool(self.application.version)
        return bool(self.script.text or self.script.url) if self.script else bool(self.image)


class Config(Value):
    """A whole file."""

    jenkins: Jenkins = Jenkins()
    sets: Annotated[tuple[ScaleSetConfig, ...], BeforeValidator(as_tuple)] = ()
    pairs: Annotated[tuple[PairConfig, ...], BeforeValidator(as_tuple)] = ()

    @model_validator(mode="after")
    def _fits(self) -> Config:
        if not self.sets and not self.pairs:
            raise ValueError("found neither sets nor pairs; wanted at least one scale set or blue-green pair")
        if self.jenkins.credentials.kind != "azure-service-principal" and any(s.flavour == "plugin" for s in self.sets):
            raise ValueError("flavour plugin needs jenkins.credentials of the kind azure-service-principal")
        subscriptions = [one.subscription for one in self.sets] + [one.subscription for one in self.pairs]
        if self.jenkins.credentials.kind == "username-password" and not all(subscriptions):
            raise ValueError("credentials of the kind username-password need a subscription at each set, or as default")
        if self.jenkins.install.lacks_extras and any(one.script and one.script.container for one in self.sets):
            raise ValueError(
                "a script's container needs the extra blob: write vmss-jenkins[blob] in install.requirement"
            )
        return self

    @property
    def targets(self) -> tuple[Target, ...]:
        """Every scale set in the file, including those of pairs."""
        alone = [Target(one.resource_group or "", one.name, one.subscription) for one in self.sets]
        paired = [
            Target(pair.resource_group or "", name, pair.subscription)
            for pair in self.pairs
            for name in (pair.blue, pair.green)
        ]
        return (*alone, *paired)


@dataclass(frozen=True)
class Target:
    """A scale set with its resource group and subscription."""

    resource_group: str
    name: str
    subscription: str | None


class _File(Value):
    """The file, as the JSON Schema describes it to editors."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["sets"]}, {"required": ["pairs"]}]})

    jenkins: Jenkins = Jenkins()
    defaults: Settings = Settings()
    sets: tuple[ScaleSetConfig, ...] = ()
    """Scale sets that get jobs."""
    pairs: tuple[PairConfig, ...] = ()
    """Blue-green pairs: two scale sets behind one load balancer that share their jobs."""


class _Defaults(Value):
    """The defaults of a file, on their own."""

    defaults: Settings = Settings()


def parse(text: str, source: str) -> Config:
    """Read vmss.yaml.

    Args:
        text: the text of the file.
        source: the file's name, for messages.

    Raises:
        ConfigError: with every fault, its line and its path.
    """
    document = located_yaml.read(text)
    faults = list(document.faults)
    config: Config | None = None
    if isinstance(document.data, dict):
        _, wrong = _validated(_Defaults, _shared(document.data), document)
        config, faulty = _validated(Config, _merged(document.data), document)
        faults += [*wrong, *faulty, *_misplaced(document), *_doubles(document)]
    elif not faults:
        faults.append(
            located_yaml.Fault((), 1, "found no mapping; wanted the key sets with a list of scale sets, or pairs")
        )
    if faults or config is None:
        raise ConfigError(source, [str(fault) for fault in sorted(set(faults), key=lambda one: (one.line, str(one)))])
    return config


def _validated(
    model: type[ValueT], data: dict[str, Any], document: located_yaml.Document
) -> tuple[ValueT | None, list[located_yaml.Fault]]:
    try:
        return model.model_validate(data), []
    except ValidationError as error:
        return None, faults.faults_of(error, document, _File)


def one_set(values: Mapping[str, object], jenkins: Mapping[str, object], source: str = "options") -> Config:
    """Configure one scale set without a file.

    Args:
        values: as under `sets` in vmss.yaml; None means the default.
        jenkins: as under `jenkins`.
        source: the origin of the values, for messages.

    Raises:
        ConfigError: with every fault.
    """
    given = {key: value for key, value in values.items() if value is not None}
    try:
        return Config.model_validate({"jenkins": dict(jenkins), "sets": [given]})
    except ValidationError as error:
        empty = located_yaml.Document(None, {}, ())
        found = faults.faults_of(error, empty, _File)
        raise ConfigError(source, [f"{_option(one.path)}: {one.reason}" for one in found]) from None


def _option(path: located_yaml.Path) -> str:
    """Name the place of a fault if there is one set and no file."""
    return located_yaml.dotted(path[2:] if path[:2] == ("sets", 0) else path) or "the set"


def json_schema() -> dict[str, Any]:
    """Describe vmss.yaml by JSON Schema, for editors."""
    schema = _File.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "vmss.yaml"}


def _shared(data: dict[str, Any]) -> dict[str, Any]:
    """Return the defaults if the file has no set: then no set reports their faults."""
    defaults = data.get("defaults")
    return {"defaults": defaults} if isinstance(defaults, dict) and not data.get("sets") else {}


def _merged(data: dict[str, Any]) -> dict[str, Any]:
    """Return the file with the defaults filled in at each set and each pair."""
    defaults = data.get("defaults") or {}
    rest = {key: value for key, value in data.items() if key != "defaults"}
    if not isinstance(defaults, dict):
        return rest
    for key, below in (("sets", defaults), ("pairs", inherited(defaults))):
        if isinstance(ones := data.get(key), list):
            rest[key] = [_under(one, below) if isinstance(one, dict) else one for one in ones]
    return rest


def _under(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(defaults)
    for key, value in values.items():
        below = found.get(key)
        found[key] = _under(value, below) if isinstance(value, dict) and isinstance(below, dict) else value
    return found


def _misplaced(document: located_yaml.Document) -> Iterable[located_yaml.Fault]:
    """Find faults of `defaults` that no set reports."""
    defaults = document.data.get("defaults")
    if defaults is not None and not isinstance(defaults, dict):
        reason = f"found {values.shortened(defaults)}; wanted a mapping"
        yield located_yaml.Fault(("defaults",), document.line(("defaults",)), reason)
    for key in ("name", "job_name"):
        if isinstance(defaults, dict) and key in defaults:
            path = ("defaults", key)
            yield located_yaml.Fault(path, document.line(path), "is for one set; move it under sets")


def _doubles(document: located_yaml.Document) -> Iterable[located_yaml.Fault]:
    """Find sets or pairs whose jobs would have the same name; Jenkins ignores case in names."""
    for kind, ending, other in (("sets", "canary", "job_name"), ("pairs", "blue-green", "name of its own")):
        seen: dict[str, int] = {}
        ones = document.data.get(kind)
        for index, one in enumerate(ones if isinstance(ones, list) else ()):
            base = (one.get("job_name") or one.get("name")) if isinstance(one, dict) else None
            if not isinstance(base, str):
                continue
            first = seen.setdefault(base.casefold(), index)
            if first != index:
                path = (kind, index)
                reason = f"its job {base}-{ending} has the name of a job of {kind}[{first}]; give one of them a {other}"
                yield located_yaml.Fault(path, document.line(path), reason)
