"""A pipeline as values: what its renderers and a user's own templates are given."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from vmss_jenkins.config.parts import Credentials, Timeouts

RESULTS = "vmss-jenkins-results"
"""Directory in the workspace for what is archived."""


class Kind(Enum):
    """The jobs of a set or a pair; the value ends the job's name."""

    CANARY = "canary"
    FULL = "full"
    ROLLBACK = "rollback"
    IMAGE = "image"
    BLUE_GREEN = "blue-green"
    SWITCH = "switch"


class Field(Enum):
    """What a parameter is on the form of a build."""

    STRING = "string"
    TEXT = "text"
    BOOLEAN = "booleanParam"
    CHOICE = "choice"


@dataclass(frozen=True)
class Parameter:
    """A build parameter. Its name is the environment variable by which `sh` gets it."""

    name: str
    default: str | bool
    description: str
    field: Field = Field.STRING
    choices: tuple[str, ...] = ()
    """The default first, as Jenkins has it."""


class SecretKind(Enum):
    """What credentials of Jenkins hold; the name of its binding is in `Secret.step`."""

    TEXT = "text"
    FILE = "file"


@dataclass(frozen=True)
class Secret:
    """A secret that Jenkins binds to an environment variable: a text, or the path of a file that has it."""

    id: str
    """Of the credentials in Jenkins."""
    variable: str
    kind: SecretKind = SecretKind.TEXT

    @property
    def step(self) -> str:
        """The binding's name in a Jenkinsfile."""
        return "string" if self.kind is SecretKind.TEXT else "file"


@dataclass(frozen=True)
class Stage:
    """A stage that works on the scale set."""

    name: str
    script: str = ""
    """For `sh`; empty where the stage is a step of the plugin."""
    signed_in: bool = True
    """Whether it needs the credentials of Azure."""
    secrets: tuple[Secret, ...] = ()
    """What it needs beside them."""
    in_dry_run: bool = True
    """Whether it is part of a dry run."""
    records: bool = False
    """Whether it leaves the hand-off record."""
    describes: bool = False
    """Whether it leaves the line that becomes the build's description."""
    leaves_image: bool = False
    """Whether it leaves the id of an image that it built."""
    decides: bool = False
    """Whether it leaves a file where there is something to ask a person about."""
    fetches: bool = False
    """Whether it needs the hand-off record of the other job."""
    image_step: bool = False
    """The plugin's `azureVMSSUpdate`."""
    instances_step: bool = False
    """The plugin's `azureVMSSUpdateInstances`."""


@dataclass(frozen=True)
class HandOver:
    """How the canary's job starts the other one."""

    job: str
    """The other job, from the top: `/folder/web-full`."""
    ask: str
    """What a person is asked first; empty where nobody is."""
    parameters: tuple[str, ...]
    """Names of the parameters that are handed on as they are."""
    record: bool
    """Whether the hand-off record goes along."""
    image: bool = False
    """Whether the image that was built goes along, as `IMAGE_ID`."""


@dataclass(frozen=True)
class Agent:
    """Where the stages run."""

    label: str
    """Empty for any."""
    container: str = ""
    """The image to run in; empty for none."""


@dataclass(frozen=True)
class Pipeline:
    """One job, whole."""

    kind: Kind
    name: str
    folder: str
    summary: str
    """What it does, in a line."""
    description: str
    """For the job's page."""
    source: str
    """The file that it came from."""
    parameters: tuple[Parameter, ...]
    stages: tuple[Stage, ...]
    agent: Agent
    credentials: Credentials
    timeouts: Timeouts
    keep_builds: int
    hand_over: HandOver | None = None
    schedule: str = ""
    lock: bool = False
    locked: str = ""
    """The resource to lock; empty for the scale set that the parameters name."""
    copies_from: str = ""
    """The job whose record is copied, from the top; empty where it comes as a parameter."""
    results: str = RESULTS
    """Directory in the workspace for what is archived."""

    report: str = ""
    """The script that makes a report of the rollout; empty where there is none."""
    summarizes: bool = False
    """Whether its stages or its report leave a line that becomes part of the build's description."""
    ask: str = ""
    """What a person is asked after its stages, if one of them left something to ask about; empty where nobody is."""
    after: tuple[Stage, ...] = ()
    """The stages that follow then, on an agent of their own: nobody holds one while a person is waited for."""
    publishes: bool = False
    """Whether the report gets a place of its own beside the build; needs the plugin htmlpublisher."""

    @property
    def path(self) -> str:
        """The job's full name."""
        return f"{self.folder}/{self.name}" if self.folder else self.name

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What its stages need beside the credentials of Azure, each once."""
        return tuple(dict.fromkeys(secret for stage in self.stages for secret in stage.secrets))

    @property
    def leaves_results(self) -> bool:
        """Whether there is something to archive."""
        return any(stage.script for stage in self.stages)

    @property
    def has_dry_run(self) -> bool:
        """Whether it can tell what it would do."""
        return any(parameter.name == "DRY_RUN" for parameter in self.parameters)
