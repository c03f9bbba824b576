"""The parts of vmss.yaml that are the same for Jenkins as a whole, or for every kind of release."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from vmss_jenkins.config import values


class Value(BaseModel):
    """What every part of the file is: frozen, with no other keys than its own, nothing converted silently."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


class Credentials(Value):
    """How a build signs in to Azure."""

    kind: Literal["azure-service-principal", "username-password", "none"] = "azure-service-principal"
    """`none`: the agent's managed or workload identity."""
    id: values.Text | None = None
    """The id of the credentials in Jenkins."""
    tenant: values.Guid | None = None
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


class Install(Value):
    """How the command gets onto the agent."""

    how: Literal["preinstalled", "pip", "container"] = "preinstalled"
    requirement: values.Requirement | None = None
    """For `pip`: what is installed into a virtual environment of the workspace."""
    image: values.ContainerImage | None = None
    """For `container`: the image that the stages run in."""
    python: values.Text = "python3"
    """The interpreter's name or path on the agent."""

    @model_validator(mode="after")
    def _fits(self) -> Install:
        if self.how == "pip" and not self.requirement:
            raise ValueError("how: pip needs a requirement, pinned, such as vmss-jenkins==1.0")
        if self.how == "container" and not self.image:
            raise ValueError("how: container needs an image")
        return self

    @property
    def lacks_extras(self) -> bool:
        """Whether pip installs our package, and none of its extras."""
        named = re.match(r"vmss[-_.]jenkins\s*[=@]", self.requirement or "", re.IGNORECASE)
        return self.how == "pip" and bool(named)


class Jenkins(Value):
    """The Jenkins server's side."""

    folder: values.Folder = ""
    """Where the jobs are, `a/b`; empty for the top."""
    agent: values.Prose = ""
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


class Rollout(Value):
    """How instances are updated."""

    max_unavailable: values.Amount = "10%"
    strategy: Literal["waves", "window", "surge"] = "waves"
    max_surge: values.Amount | None = None
    """How many more instances there may be at a time with the strategy `surge`; as many as the canary by default."""
    pause: values.Seconds = 0.0
    min_healthy_time: values.Seconds = 0.0
    instance_timeout: Annotated[values.Seconds, Field(ge=1)] = 900.0
    timeout: Annotated[values.Seconds, Field(ge=1)] = 7200.0
    max_failed: Annotated[int, Field(ge=0)] = 0
    drain: values.Seconds | None = None

    @model_validator(mode="after")
    def _fits(self) -> Rollout:
        if self.max_surge and self.strategy != "surge":
            raise ValueError(f"max_surge is for the strategy surge; found the strategy {self.strategy}")
        return self


class Timeouts(Value):
    """How long Jenkins lets a job go on."""

    build: Annotated[values.Seconds, Field(ge=60)] = 4 * 3600.0
    """The stages that work; keep it above the rollout's own, which ends more gently."""
    approval: Annotated[values.Seconds, Field(ge=60)] = 86400.0
    """The wait for a person."""
