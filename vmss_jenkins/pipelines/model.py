"""A pipeline as values: the input of its renderers and of a user's own templates."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from html import escape

from vmss_jenkins.config.parts import Credentials, Jenkins, Timeouts
from vmss_jenkins.jenkins.plan.jobs import mark

RESULTS = "vmss-jenkins-results"
"""Directory in the workspace for the files to archive."""
DATA = f"{RESULTS}/run"
"""Directory for the data of a build; in the list of archived files it is after the report."""
VERSION = f"{DATA}/version.txt"
"""The version of the command; without that file the set-up failed, and there is nothing to archive."""
ERROR = f"{DATA}/error.txt"
"""Why a command failed, in one line."""
UNCHANGED = f"{DATA}/unchanged.txt"
"""Why there is nothing to roll out, in one line."""
RELEASE_NAME = f"{DATA}/release-name.txt"
"""The short name of the exact release."""
LINK = f"{DATA}/link.txt"
"""The link to the next job."""


class Kind(Enum):
    """The kinds of jobs; the value is the last part of the job's name."""

    CANARY = "canary"
    FULL = "full"
    ROLLBACK = "rollback"
    GOVERN = "govern"
    IMAGE = "image"
    BLUE_GREEN = "blue-green"
    SWITCH = "switch"


class Field(Enum):
    """The kind of field that a parameter has in the form of a build; the value is its step."""

    STRING = "string"
    TEXT = "text"
    BOOLEAN = "booleanParam"
    CHOICE = "choice"


@dataclass(frozen=True)
class Parameter:
    """A build parameter; `sh` gets it as the environment variable of the same name."""

    name: str
    default: str | bool
    description: str
    field: Field = Field.STRING
    choices: tuple[str, ...] = ()
    """The default is the first one, as in Jenkins."""
    required: tuple[str, ...] = ()
    """Itself and the parameters that can take its place: one of them must have a value. Empty: it may be empty."""


class SecretKind(Enum):
    """What credentials in Jenkins contain."""

    TEXT = "text"
    FILE = "file"


@dataclass(frozen=True)
class Secret:
    """A secret that Jenkins binds to an environment variable: the text itself, or the path of a file."""

    id: str
    """Id of the credentials in Jenkins."""
    variable: str
    kind: SecretKind = SecretKind.TEXT

    @property
    def step(self) -> str:
        """The name of the binding in a Jenkinsfile."""
        return "string" if self.kind is SecretKind.TEXT else "file"


@dataclass(frozen=True)
class Stage:
    """A stage that works on the scale set."""

    name: str
    script: str = ""
    """For `sh`; empty if the stage is a step of the plugin."""
    signed_in: bool = True
    """Whether it needs the Azure credentials."""
    secrets: tuple[Secret, ...] = ()
    """Secrets that it needs besides the Azure credentials."""
    in_dry_run: bool = True
    """Whether it is part of a dry run."""
    finds_release: bool = False
    """Whether it finds the exact release; if there is nothing to roll out, the stages after it are skipped."""
    writes_record: bool = False
    """Whether it writes the hand-off record."""
    writes_description: bool = False
    """Whether it writes the line that becomes the build's description."""
    writes_image: bool = False
    """Whether it writes the id of an image that it built."""
    tests: str = ""
    """The file of test results that it writes."""
    writes_pending: bool = False
    """Whether it writes a file if a person has something to approve."""
    reads_record: bool = False
    """Whether it reads the hand-off record of the canary job."""
    image_step: bool = False
    """The plugin's `azureVMSSUpdate`."""
    instances_step: bool = False
    """The plugin's `azureVMSSUpdateInstances`."""


@dataclass(frozen=True)
class HandOver:
    """How a job starts the next job."""

    job: str
    """The next job, from the root: `/folder/web-full`."""
    question: str
    """The question for a person before that; empty to ask nobody."""
    parameters: tuple[str, ...]
    """Names of the parameters that are passed on."""
    record: bool
    """Whether the hand-off record is passed on."""
    image: bool = False
    """Whether the image that was built is passed on, as `IMAGE_ID`."""


@dataclass(frozen=True)
class Agent:
    """The agent that the stages run on."""

    label: str
    """Empty for any agent."""
    container: str = ""
    """The container image that the stages run in; empty for none."""

    @classmethod
    def of(cls, jenkins: Jenkins) -> Agent:
        """Return the agent of a file: `any` is no label, but any agent."""
        label = "" if jenkins.agent.strip().lower() == "any" else jenkins.agent
        return cls(label, (jenkins.install.image or "") if jenkins.install.how == "container" else "")


@dataclass(frozen=True)
class Title:
    """What a build is called, after its number: the short name of its release."""

    parameters: tuple[str, ...] = ()
    """Names of parameters; the first one that is not empty has the release."""
    default: str = ""
    """The release if all of them are empty."""
    before: str = ""
    """Words before the release, such as `rollback to `."""


@dataclass(frozen=True)
class Pipeline:
    """A whole job."""

    kind: Kind
    name: str
    folder: str
    summary: str
    """What it does, in one line."""
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
    title: Title = Title()
    hand_over: HandOver | None = None
    schedule: str = ""
    lock: bool = False
    locked: str = ""
    """The resource to lock; empty for the scale set in the parameters."""
    copies_from: str = ""
    """The job whose record is copied, from the root; empty if the record is a parameter."""
    results: str = RESULTS
    """Directory in the workspace for the files to archive."""

    report: str = ""
    """The script that makes a report of the rollout; empty for none."""
    summarizes: bool = False
    """Whether a stage or the report writes a line for the build's description."""
    question: str = ""
    """The question for a person after its stages, if a stage wrote that something is pending; empty to ask nobody."""
    stages_after: tuple[Stage, ...] = ()
    """The stages after that question, on an agent of their own: no agent is held while a person is asked."""
    prefills: bool = False
    """Whether links to the next job prefill its form; needs the plugin build-with-parameters."""
    html: bool = False
    """Whether the build's description is HTML with a link; needs the plugin antisamy-markup-formatter."""
    publishes: bool = False
    """Whether the build has a link to the report; needs the plugin htmlpublisher."""

    @property
    def path(self) -> str:
        """The job's full name."""
        return f"{self.folder}/{self.name}" if self.folder else self.name

    @property
    def required(self) -> tuple[tuple[str, ...], ...]:
        """Groups of parameters; in each group one must have a value."""
        return tuple(dict.fromkeys(one.required for one in self.parameters if one.required))

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The secrets that its stages need besides the Azure credentials, each once."""
        return tuple(dict.fromkeys(secret for stage in self.stages for secret in stage.secrets))

    @property
    def tests(self) -> tuple[str, ...]:
        """The files of test results that its stages write."""
        return tuple(stage.tests for stage in (*self.stages, *self.stages_after) if stage.tests)

    @property
    def summary_has_errors(self) -> bool:
        """Whether the line that its stages write for the description says why a stage failed."""
        return self.kind is Kind.BLUE_GREEN

    @property
    def has_results(self) -> bool:
        """Whether there are files to archive."""
        return any(stage.script for stage in self.stages)

    @property
    def may_be_unchanged(self) -> bool:
        """Whether its stages are skipped if there is nothing to roll out: nobody asked for a build on a schedule."""
        return bool(self.schedule) and any(stage.finds_release for stage in self.stages)

    def may_skip(self, stage: Stage) -> bool:
        """Whether a stage is skipped if there is nothing to roll out: it comes after the one that finds the release."""
        if not self.may_be_unchanged:
            return False
        return stage in self.stages[next(n for n, one in enumerate(self.stages) if one.finds_release) + 1 :]

    @property
    def has_dry_run(self) -> bool:
        """Whether it has a dry run."""
        return any(parameter.name == "DRY_RUN" for parameter in self.parameters)


def description_of(own: str, what: str, source: str, *, html: bool) -> str:
    """Write the description of a job: the text of vmss.yaml, what the job does, and the mark of its file.

    Args:
        own: the text of vmss.yaml; never taken for tags.
        what: what the job does.
        source: the file's name.
        html: whether the server shows tags as HTML.
    """
    return "\n\n".join(filter(None, [escape(own.strip(), quote=False) if html else own.strip(), what, mark(source)]))
