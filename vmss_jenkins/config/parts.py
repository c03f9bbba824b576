"""The parts of vmss.yaml about Jenkins as a whole, and those that every kind of release has."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from vmss_jenkins.config import values


class Value(BaseModel):
    """The base of every part of the file: frozen, without unknown keys, without silent conversions."""

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
            raise ValueError("kind username-password needs a tenant: such credentials do not contain it")
        return self


class Install(Value):
    """How the command is installed on the agent."""

    how: Literal["preinstalled", "pip", "container"] = "preinstalled"
    requirement: values.Requirement | None = None
    """For `pip`: the requirement to install into a virtual environment in the workspace."""
    image: values.ContainerImage | None = None
    """For `container`: the image that the stages run in."""
    python: values.Text = "python3"
    """Name or path of the Python interpreter on the agent."""

    @model_validator(mode="after")
    def _fits(self) -> Install:
        if self.how == "pip" and not self.requirement:
            raise ValueError(f"how: pip needs a requirement, pinned, such as {values.PINNED}")
        if self.how == "container" and not self.image:
            raise ValueError("how: container needs an image")
        return self

    @property
    def lacks_extras(self) -> bool:
        """Whether pip installs vmss-jenkins without extras."""
        named = re.match(r"vmss[-_.]jenkins\s*[=@]", self.requirement or "", re.IGNORECASE)
        return self.how == "pip" and bool(named)


class Jenkins(Value):
    """Settings of the Jenkins server and its jobs."""

    folder: values.Folder = ""
    """Folder of the jobs, `a/b`; empty for the root."""
    agent: values.Prose = ""
    """Label of the agents; empty for any."""
    credentials: Credentials = Credentials(kind="none")
    install: Install = Install()
    lock: bool = False
    """Lock the scale set while a job works on it; needs the plugin lockable-resources."""
    copy_artifacts: bool = False
    """The full job copies the hand-off record from the canary job; needs the plugin copyartifact."""
    publish_html: bool = False
    """Each build has a link to the report of its rollout; needs the plugin htmlpublisher. It is archived anyway."""
    safe_html: bool = False
    """Descriptions of builds are HTML, with links, for a server whose markup formatter is Safe HTML."""
    build_with_parameters: bool = False
    """Links to the next job prefill its form; needs the plugin build-with-parameters."""
    keep_builds: Annotated[int, Field(ge=1, le=100_000)] = 30


class Rollout(Value):
    """How instances are updated."""

    max_unavailable: values.Amount = "10%"
    strategy: Literal["waves", "window", "surge"] = "waves"
    max_surge: values.Amount | None = None
    """How many extra instances the strategy `surge` may create at a time; by default the size of the canary."""
    pause: values.Seconds = 0.0
    min_healthy_time: values.Seconds = 0.0
    instance_timeout: Annotated[values.Seconds, Field(ge=1)] = 900.0
    timeout: Annotated[values.Seconds, Field(ge=1)] = 7200.0
    max_failed: Annotated[int, Field(ge=0)] = 0
    drain: values.Seconds | None = None
    repairs: Literal["suspend", "keep"] = "suspend"
    """What becomes of automatic repairs and zone balance while a rollout changes the set."""
    autoscale: Literal["suspend", "keep"] = "keep"
    """What becomes of the autoscale setting while a rollout changes the set; with one, `surge` needs `suspend`."""
    moving_image: Literal["pin", "float"] = "pin"
    """What the model gets if the image is named by its definition or by `latest`: the exact version, or the name."""
    wait_for_replication: values.Seconds | None = None
    """How long a build waits for the copy of a gallery's version in the region of the set; by default it does not."""

    @model_validator(mode="after")
    def _fits(self) -> Rollout:
        if self.max_surge and self.strategy != "surge":
            raise ValueError(f"found max_surge with the strategy {self.strategy}; wanted the strategy surge")
        return self


class Govern(Value):
    """A job that answers Azure's automatic OS upgrades of the set."""

    schedule: values.Schedule = "H/15 * * * *"
    """When Jenkins starts the job, as in cron; more often than Azure waits, which is 30 minutes by default."""
    canary: values.Amount | None = None
    """How many instances are upgraded and judged first; by default the first batch, as Azure makes it."""
    deny: Annotated[tuple[values.Days, ...], BeforeValidator(values.as_tuple)] = ()
    """Days (UTC) in which nothing is approved, such as 2026-12-20..2027-01-03."""
    timeout: Annotated[values.Seconds, Field(ge=60)] = 3 * 3600.0
    """For one upgrade; the next build goes on with it."""


class Timeouts(Value):
    """How long a build of Jenkins may take."""

    build: Annotated[values.Seconds, Field(ge=60)] = 4 * 3600.0
    """The stages without the wait for approval; longer than the rollout's own timeout, which rolls back."""
    approval: Annotated[values.Seconds, Field(ge=60)] = 86400.0
    """The wait for approval."""
