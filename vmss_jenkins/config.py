"""vmss.yaml: which scale sets get Jenkins jobs, and of what kind.

`parse` reads it, with every fault at once; `json_schema` describes it to editors. Reading the file is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from vmss_jenkins import config_faults, config_values, located_yaml
from vmss_jenkins.config_parts import Jenkins, Rollout, Timeouts, Value
from vmss_jenkins.config_values import as_tuple
from vmss_jenkins.errors import ConfigError


class Settings(Value):
    """What may stand under `defaults` as well."""

    resource_group: config_values.GroupName | None = None
    subscription: config_values.Guid | None = None
    """The one of the credentials by default."""
    description: config_values.Prose = ""
    image: config_values.Image | None = None
    """What the image parameter is filled in with: an id, or publisher:offer:sku:version."""
    canary: config_values.Amount = "1"
    """How many instances get the release first."""
    instance_ids: config_values.Ids | None = None
    """The instances that get it first, by their ids: for the flavour `plugin`, which cannot choose."""
    rollout: Rollout = Rollout()
    gates: Annotated[tuple[config_values.Gate, ...], BeforeValidator(as_tuple)] = ("instance-health",)
    promotion: Literal["manual", "approval", "automatic"] = "manual"
    on_failure: Literal["rollback", "stop"] = "rollback"
    timeouts: Timeouts = Timeouts()
    schedule: config_values.Schedule | None = None
    """When the canary starts by itself, as in cron; needs an image that stays the same, such as a gallery's latest."""
    rollback_job: bool = True
    flavour: Literal["command", "plugin"] = "command"


class ScaleSetConfig(Settings):
    """A scale set that gets jobs."""

    name: config_values.SetName
    job_name: config_values.JobName | None = None
    """What its jobs' names begin with; the set's name by default."""

    @property
    def base_name(self) -> str:
        """What its jobs' names begin with."""
        return self.job_name or self.name

    @property
    def surges(self) -> bool:
        """Whether instances are replaced, and none updated."""
        return self.rollout.strategy == "surge"

    @property
    def max_surge(self) -> str:
        """How many more there may be at a time; the canary's size by default."""
        return self.rollout.max_surge or self.canary

    @model_validator(mode="after")
    def _fits(self) -> ScaleSetConfig:
        if not self.resource_group:
            raise ValueError("needs a resource_group, here or under defaults")
        if self.flavour == "plugin" and not self.instance_ids:
            raise ValueError("flavour plugin needs instance_ids such as '0,1': its step cannot choose a canary")
        if self.flavour == "plugin" and self.image and "/" not in self.image:
            raise ValueError("flavour plugin needs an image id: our jobs hand its step no marketplace image")
        if self.surges and (self.flavour == "plugin" or self.instance_ids):
            raise ValueError("the strategy surge makes its canary: leave instance_ids and flavour plugin out")
        if self.schedule and not self.image:
            raise ValueError("a schedule needs an image: nobody is there to fill it in")
        return self


class Config(Value):
    """A whole file."""

    jenkins: Jenkins = Jenkins()
    sets: Annotated[tuple[ScaleSetConfig, ...], BeforeValidator(as_tuple), Field(min_length=1)]

    @model_validator(mode="after")
    def _fits(self) -> Config:
        if self.jenkins.credentials.kind != "azure-service-principal" and any(s.flavour == "plugin" for s in self.sets):
            raise ValueError("flavour plugin needs jenkins.credentials of the kind azure-service-principal")
        if self.jenkins.credentials.kind == "username-password" and not all(s.subscription for s in self.sets):
            raise ValueError("credentials of the kind username-password need a subscription at each set, or as default")
        return self


class _File(Value):
    """The file as an editor sees it."""

    jenkins: Jenkins = Jenkins()
    defaults: Settings = Settings()
    sets: Annotated[list[ScaleSetConfig], Field(min_length=1)]


def parse(text: str, source: str) -> Config:
    """Read vmss.yaml.

    Args:
        text: what is in it.
        source: its name, for messages.

    Raises:
        ConfigError: with every fault, its line and its path.
    """
    document = located_yaml.read(text)
    faults = list(document.faults)
    config: Config | None = None
    if isinstance(document.data, dict):
        try:
            config = Config.model_validate(_merged(document.data))
        except ValidationError as error:
            faults += config_faults.faults_of(error, document, _File)
        faults += [*_misplaced(document), *_doubles(document)]
    elif not faults:
        faults.append(located_yaml.Fault((), 1, "found no mapping; wanted the key sets with a list of scale sets"))
    if faults or config is None:
        raise ConfigError(source, [str(fault) for fault in sorted(set(faults), key=lambda one: (one.line, str(one)))])
    return config


def one_set(values: Mapping[str, object], jenkins: Mapping[str, object], source: str = "options") -> Config:
    """Configure one scale set with no file.

    Args:
        values: as under `sets` in vmss.yaml; what is None is left at its default.
        jenkins: as under `jenkins`.
        source: where the values come from, for messages.

    Raises:
        ConfigError: with every fault.
    """
    given = {key: value for key, value in values.items() if value is not None}
    try:
        return Config.model_validate({"jenkins": dict(jenkins), "sets": [given]})
    except ValidationError as error:
        empty = located_yaml.Document(None, {}, ())
        found = config_faults.faults_of(error, empty, _File)
        raise ConfigError(source, [f"{_option(one.path)}: {one.reason}" for one in found]) from None


def _option(path: located_yaml.Path) -> str:
    """Name a fault's place where there is one set, and no file to look into."""
    return located_yaml.dotted(path[2:] if path[:2] == ("sets", 0) else path) or "the set"


def json_schema() -> dict[str, Any]:
    """Describe vmss.yaml by JSON Schema, for editors."""
    schema = _File.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "vmss.yaml"}


def _merged(data: dict[str, Any]) -> dict[str, Any]:
    """The file with the defaults put under each set."""
    defaults, sets = data.get("defaults") or {}, data.get("sets")
    rest = {key: value for key, value in data.items() if key != "defaults"}
    if not isinstance(defaults, dict) or not isinstance(sets, list):
        return rest
    return {**rest, "sets": [_under(one, defaults) if isinstance(one, dict) else one for one in sets]}


def _under(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(defaults)
    for key, value in values.items():
        below = found.get(key)
        found[key] = _under(value, below) if isinstance(value, dict) and isinstance(below, dict) else value
    return found


def _misplaced(document: located_yaml.Document) -> Iterable[located_yaml.Fault]:
    """Faults of `defaults` that putting them under the sets does not show."""
    defaults = document.data.get("defaults")
    if defaults is not None and not isinstance(defaults, dict):
        reason = f"found {config_values.shortened(defaults)}; wanted a mapping"
        yield located_yaml.Fault(("defaults",), document.line(("defaults",)), reason)
    for key in ("name", "job_name"):
        if isinstance(defaults, dict) and key in defaults:
            path = ("defaults", key)
            yield located_yaml.Fault(path, document.line(path), "belongs to one set, not to all of them")


def _doubles(document: located_yaml.Document) -> Iterable[located_yaml.Fault]:
    """Two sets whose jobs would have one name; Jenkins does not tell names apart by their case."""
    seen: dict[str, int] = {}
    sets = document.data.get("sets")
    for index, one in enumerate(sets if isinstance(sets, list) else ()):
        base = (one.get("job_name") or one.get("name")) if isinstance(one, dict) else None
        if not isinstance(base, str):
            continue
        first = seen.setdefault(base.casefold(), index)
        if first != index:
            path = ("sets", index)
            reason = f"its job {base}-canary is that of sets[{first}] as well; give one of them a job_name"
            yield located_yaml.Fault(path, document.line(path), reason)
