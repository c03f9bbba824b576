"""vmss.yaml: which scale sets get Jenkins jobs, and of what kind.

`parse` reads it, with every fault at once; `json_schema` describes it to editors. Reading the file is the caller's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from vmss_jenkins import config_faults, config_values, located_yaml
from vmss_jenkins.config_values import as_tuple
from vmss_jenkins.errors import ConfigError


class _Value(BaseModel):
    """What every part of the file is: frozen, with no other keys than its own, nothing converted silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Credentials(_Value):
    """How a build signs in to Azure."""

    kind: Literal["azure-service-principal", "username-password", "none"] = "azure-service-principal"
    """`none`: the agent's managed or workload identity."""
    id: config_values.Text | None = None
    """The id of the credentials in Jenkins."""
    tenant: config_values.Guid | None = None
    """For `username-password`: the user name is the client id, the password its secret."""

    @model_validator(mode="after")
    def _fits(self) -> Credentials:
        if self.kind == "none" and self.id:
            raise ValueError("found an id with kind none; wanted no id, or another kind")
        if self.kind != "none" and not self.id:
            raise ValueError(f"kind {self.kind} needs the id of the credentials in Jenkins")
        if self.kind == "username-password" and not self.tenant:
            raise ValueError("kind username-password needs the tenant, which such credentials do not hold")
        return self


class Install(_Value):
    """How the command gets onto the agent."""

    how: Literal["preinstalled", "pip", "container"] = "preinstalled"
    requirement: config_values.Requirement | None = None
    """For `pip`: what is installed into a virtual environment of the workspace."""
    image: config_values.ContainerImage | None = None
    """For `container`: the image that the stages run in."""
    python: config_values.Text = "python3"
    """The interpreter's name or path on the agent."""

    @model_validator(mode="after")
    def _fits(self) -> Install:
        if self.how == "pip" and not self.requirement:
            raise ValueError("how: pip needs a requirement, pinned, such as vmss-jenkins==1.0")
        if self.how == "container" and not self.image:
            raise ValueError("how: container needs an image")
        return self


class Jenkins(_Value):
    """The Jenkins server's side."""

    folder: config_values.Folder = ""
    """Where the jobs are, `a/b`; empty for the top."""
    agent: config_values.Prose = ""
    """Label of the agents; empty for any."""
    credentials: Credentials = Credentials(kind="none")
    install: Install = Install()
    lock: bool = False
    """Lock the scale set while a job works on it; needs the plugin lockable-resources."""
    copy_artifacts: bool = False
    """Job 2 fetches the hand-off record from job 1 by itself; needs the plugin copyartifact."""
    publish_html: bool = False
    """Each build shows the report of its rollout; needs the plugin htmlpublisher. It is archived in any case."""
    keep_builds: Annotated[int, Field(ge=1, le=100_000)] = 30


class Rollout(_Value):
    """How instances are updated."""

    max_unavailable: config_values.Amount = "10%"
    strategy: Literal["waves", "window"] = "waves"
    pause: config_values.Seconds = 0.0
    min_healthy_time: config_values.Seconds = 0.0
    instance_timeout: Annotated[config_values.Seconds, Field(ge=1)] = 900.0
    timeout: Annotated[config_values.Seconds, Field(ge=1)] = 7200.0
    max_failed: Annotated[int, Field(ge=0)] = 0
    drain: config_values.Seconds | None = None


class Timeouts(_Value):
    """How long Jenkins lets a job go on."""

    build: Annotated[config_values.Seconds, Field(ge=60)] = 4 * 3600.0
    """The stages that work; keep it above the rollout's own, which ends more gently."""
    approval: Annotated[config_values.Seconds, Field(ge=60)] = 86400.0
    """The wait for a person."""


class Settings(_Value):
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

    @model_validator(mode="after")
    def _fits(self) -> ScaleSetConfig:
        if not self.resource_group:
            raise ValueError("needs a resource_group, here or under defaults")
        if self.flavour == "plugin" and not self.instance_ids:
            raise ValueError("flavour plugin needs instance_ids such as '0,1': its step cannot choose a canary")
        if self.flavour == "plugin" and self.image and "/" not in self.image:
            raise ValueError("flavour plugin needs an image id: our jobs hand its step no marketplace image")
        if self.schedule and not self.image:
            raise ValueError("a schedule needs an image: nobody is there to fill it in")
        return self


class Config(_Value):
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


class _File(_Value):
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
