"""Builds the pipelines of a scale set from its configuration."""

from __future__ import annotations

from vmss_jenkins.config import Config, ScaleSetConfig
from vmss_jenkins.config.parts import Govern, Jenkins
from vmss_jenkins.pipelines.application_release import ApplicationRelease
from vmss_jenkins.pipelines.commands import Commands, gates_without_comparison
from vmss_jenkins.pipelines.model import (
    DATA,
    Agent,
    Field,
    HandOver,
    Kind,
    Parameter,
    Pipeline,
    Stage,
    Title,
    description_of,
)
from vmss_jenkins.pipelines.pair_job import pair_pipelines_of
from vmss_jenkins.pipelines.releases import ImageRelease, ReleaseKind
from vmss_jenkins.pipelines.script_release import ScriptRelease


def pipelines_of(config: Config, source: str) -> tuple[Pipeline, ...]:
    """Return all pipelines of a file, in its order, sets before pairs.

    Args:
        config: the file.
        source: the file's name, for the jobs' marks.
    """
    alone = [pipeline for one in config.sets for pipeline in _Builder(config.jenkins, one, source).all()]
    paired = [pipeline for one in config.pairs for pipeline in pair_pipelines_of(config.jenkins, one, source)]
    return (*alone, *paired)


def _release_of(scale_set: ScaleSetConfig) -> ReleaseKind:
    if scale_set.application:
        return ApplicationRelease(scale_set.application)
    return ScriptRelease(scale_set.script) if scale_set.script else ImageRelease(scale_set)


class _Builder:
    """Builds the pipelines of one set."""

    def __init__(self, jenkins: Jenkins, scale_set: ScaleSetConfig, source: str) -> None:
        self._jenkins = jenkins
        self._set = scale_set
        self._source = source
        self._release = _release_of(scale_set)
        self._commands = Commands(scale_set, jenkins.install, self._release)
        self._plugin = scale_set.flavour == "plugin"
        self._installs = not self._plugin or bool(scale_set.gates)

    def all(self) -> tuple[Pipeline, ...]:
        own = self._set
        back = (self._rollback(),) if own.rollback_job else ()
        governed = (self._govern(own.govern),) if own.govern else ()
        return (self._canary(), self._full(), *back, *governed)

    def _canary(self) -> Pipeline:
        chooses = (self._instance_ids(),) if self._plugin else (self._canary_size(), *self._chosen_ids())
        asked = self._release.canary_parameters()
        parameters = (*self._target(), *asked, *chooses, *self._rollout_parameters(), *self._dry_run())
        stages = self._canary_by_plugin() if self._plugin else self._canary_by_command()
        what = f"Updates the {self._release.noun} of the scale set and a part of its instances, and verifies them."
        return self._pipeline(Kind.CANARY, what, parameters, stages, hand_over=self._hand_over())

    def _full(self) -> Pipeline:
        optional = () if self._plugin else (*self._handoff_parameters(), *self._rollout_parameters())
        parameters = (*self._target(), *self._release.full_parameters(), *optional, *self._dry_run())
        stages = self._full_by_plugin() if self._plugin else self._full_by_command()
        what = f"Updates the instances that {self._name(Kind.CANARY)} did not update, and verifies them."
        return self._pipeline(Kind.FULL, what, parameters, stages)

    def _rollback(self) -> Pipeline:
        parameters = (*self._target(), *self._release.rollback_parameters(), self._limit())
        secrets = self._release.rollback.secrets
        stages = (self._set_up(), Stage("Roll Back", self._commands.roll_back(), secrets=secrets))
        what = f"Rolls the scale set back to its previous {self._release.noun}: the model first, then the instances."
        return self._pipeline(Kind.ROLLBACK, what, parameters, stages)

    def _govern(self, own: Govern) -> Pipeline:
        govern = Stage("Govern", self._commands.govern(own), tests=f"{DATA}/govern.xml")
        what = "Answers Azure's automatic OS upgrades: judges each batch before Azure upgrades the next one."
        stages, asked = (self._set_up(), govern), (*self._target(), *self._dry_run())
        return self._pipeline(Kind.GOVERN, what, asked, stages, schedule=own.schedule)

    def _canary_by_command(self) -> tuple[Stage, ...]:
        commands, secrets, noun = self._commands, self._release.canary.secrets, self._release.noun.title()
        verify = Stage(
            "Verify", commands.verify_canary(), in_dry_run=False, secrets=secrets, tests=f"{DATA}/verify.xml"
        )
        begin: tuple[Stage, ...] = (
            Stage(f"Update {noun} Configuration", commands.update(), secrets=secrets),
            Stage("Update A Subset of Instances", commands.canary(), secrets=secrets),
        )
        if self._set.surges:  # this one command checks everything before it changes the model
            begin = (Stage(f"Add Instances With The New {noun}", commands.canary(), secrets=secrets),)
        found = Stage("Find The Release", commands.find_release(), secrets=secrets, finds_release=True)
        return (
            self._set_up(*self._release.set_up_lines),
            *((found,) if self._release.moves else ()),
            *begin,
            *((verify,) if self._set.gates else ()),
            Stage(
                "Report",
                commands.record(self._name(Kind.FULL)),
                in_dry_run=False,
                writes_record=True,
                writes_description=True,
            ),
        )

    def _canary_by_plugin(self) -> tuple[Stage, ...]:
        steps = (
            Stage("Update Image Configuration", image_step=True),
            Stage("Update A Subset of Instances", instances_step=True),
        )
        verify = (
            (Stage("Verify", self._commands.verify_updated(), tests=f"{DATA}/verify.xml"),) if self._set.gates else ()
        )
        return (*self._set_up_if_needed(), *steps, *verify)

    def _full_by_command(self) -> tuple[Stage, ...]:
        back = self._name(Kind.ROLLBACK) if self._set.rollback_job else ""
        return (
            self._set_up(),
            Stage("Check The Canary", self._commands.check(back), reads_record=True, writes_description=True),
            Stage(
                "Update The Rest",
                self._commands.rest(),
                secrets=self._release.full.secrets,
                tests=f"{DATA}/rollout.xml",
            ),
            *self._verify_all(),
        )

    def _full_by_plugin(self) -> tuple[Stage, ...]:
        return (*self._set_up_if_needed(), Stage("Update All Instances", instances_step=True), *self._verify_all())

    def _verify_all(self) -> tuple[Stage, ...]:
        if not gates_without_comparison(self._set):
            return ()
        verify = self._commands.verify_all()
        return (Stage("Verify", verify, in_dry_run=self._plugin, tests=f"{DATA}/verify.xml"),)

    def _set_up(self, *prepared: str) -> Stage:
        return Stage("Set Up", self._commands.set_up(*prepared), signed_in=False)

    def _set_up_if_needed(self) -> tuple[Stage, ...]:
        return (self._set_up(),) if self._installs else ()

    def _hand_over(self) -> HandOver | None:
        if self._set.promotion == "manual":
            return None
        asks = self._set.promotion == "approval"
        question = f"The canary of {self._set.name} passed. Update the other instances?" if asks else ""
        how = () if self._plugin else (self._limit().name, "ON_FAILURE")
        names = ("RESOURCE_GROUP", "VMSS_NAME", *self._release.passed_on, *how)
        return HandOver(self._absolute(Kind.FULL), question, names, record=not self._plugin)

    def _target(self) -> tuple[Parameter, ...]:
        return (
            Parameter(
                "RESOURCE_GROUP",
                self._set.resource_group or "",
                "Resource group of the scale set.",
                required=("RESOURCE_GROUP",),
            ),
            Parameter("VMSS_NAME", self._set.name, "Name of the scale set.", required=("VMSS_NAME",)),
        )

    def _canary_size(self) -> Parameter:
        what = "Size of the canary: a number of instances, or a percentage."
        required = ("CANARY",) if self._set.surges else ("CANARY", "INSTANCE_IDS")
        return Parameter("CANARY", self._set.canary, what, required=required)

    def _instance_ids(self) -> Parameter:
        what = "Comma-separated ids of the canary instances."
        also = "" if self._plugin else " Empty: chosen by the command, as many as CANARY says."
        required = ("INSTANCE_IDS",) if self._plugin else ()
        return Parameter("INSTANCE_IDS", self._set.instance_ids or "", what + also, required=required)

    def _chosen_ids(self) -> tuple[Parameter, ...]:
        """Only if instances are updated: a surge creates its canary instances."""
        return () if self._set.surges else (self._instance_ids(),)

    def _limit(self) -> Parameter:
        if self._set.surges:
            what = "How many extra instances there may be at a time: a number, or a percentage."
            return Parameter("MAX_SURGE", self._set.max_surge, what, required=("MAX_SURGE",))
        what = "How many instances may be down at a time: a number, or a percentage."
        return Parameter("MAX_UNAVAILABLE", self._set.rollout.max_unavailable, what, required=("MAX_UNAVAILABLE",))

    def _rollout_parameters(self) -> tuple[Parameter, ...]:
        if self._plugin:
            return ()
        first = self._set.on_failure
        choices = (first, "stop" if first == "rollback" else "rollback")
        what = "What to do if instances or gates fail."
        return (self._limit(), Parameter("ON_FAILURE", first, what, Field.CHOICE, choices))

    def _handoff_parameters(self) -> tuple[Parameter, ...]:
        canary = self._name(Kind.CANARY)
        record = Parameter("HANDOFF", "", f"The hand-off record: text of handoff.json of {canary}.", Field.TEXT)
        build = Parameter("CANARY_BUILD", "", f"Build number of {canary} with the record. Empty: the last good build.")
        allow = Parameter(
            "ALLOW_CHANGED", default=False, field=Field.BOOLEAN,
            description="Go on even without a canary, or if the scale set changed since the canary.",
        )  # fmt: skip
        return (record, build, allow) if self._jenkins.copy_artifacts else (record, allow)

    def _dry_run(self) -> tuple[Parameter, ...]:
        if self._plugin:
            return ()
        what = "Print what would happen; change nothing."
        return (Parameter("DRY_RUN", default=False, field=Field.BOOLEAN, description=what),)

    def _name(self, kind: Kind) -> str:
        return f"{self._set.base_name}-{kind.value}"

    def _title(self, kind: Kind) -> Title:
        if self._plugin:
            return Title(("IMAGE_ID",) if kind is Kind.CANARY else ())
        if kind is Kind.GOVERN:
            return Title(())
        if kind is Kind.CANARY:
            return self._release.title
        back, release = kind is Kind.ROLLBACK, self._release
        asked = release.rollback_parameters() if back else release.full_parameters()
        before = f"rollback {release.title.before}" if back else release.title.before
        return Title(tuple(one.name for one in asked), before=before)

    def _absolute(self, kind: Kind) -> str:
        return "/".join(["", *filter(None, [self._jenkins.folder, self._name(kind)])])

    def _pipeline(
        self,
        kind: Kind,
        what: str,
        parameters: tuple[Parameter, ...],
        stages: tuple[Stage, ...],
        hand_over: HandOver | None = None,
        schedule: str = "",
    ) -> Pipeline:
        jenkins, own = self._jenkins, self._set
        copies = jenkins.copy_artifacts and any(stage.reads_record for stage in stages)
        return Pipeline(
            kind=kind,
            name=self._name(kind),
            folder=jenkins.folder,
            summary=what,
            description=description_of(own.description, what, self._source, html=jenkins.safe_html),
            source=self._source,
            parameters=parameters,
            stages=stages,
            agent=Agent.of(jenkins),
            credentials=jenkins.credentials,
            timeouts=own.timeouts,
            keep_builds=jenkins.keep_builds,
            title=self._title(kind),
            hand_over=hand_over,
            schedule=(own.schedule or "") if kind is Kind.CANARY else schedule,
            lock=jenkins.lock,
            prefills=jenkins.build_with_parameters,
            html=jenkins.safe_html,
            copies_from=self._absolute(Kind.CANARY) if copies else "",
            report="" if self._plugin else self._commands.report(),
            summarizes=not self._plugin,
            publishes=jenkins.publish_html and not self._plugin,
        )
