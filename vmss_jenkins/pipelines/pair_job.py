"""The jobs of a blue-green pair: one releases to the idle set and switches to it, one switches by hand."""

from __future__ import annotations

from vmss_jenkins.config.pairs import PairConfig
from vmss_jenkins.config.parts import Jenkins
from vmss_jenkins.model.network import load_balancer_names
from vmss_jenkins.pipelines.model import DATA, Agent, Field, Kind, Parameter, Pipeline, Stage, Title, description_of
from vmss_jenkins.pipelines.pair_commands import PairCommands
from vmss_jenkins.pipelines.releases import either


def pair_pipelines_of(jenkins: Jenkins, pair: PairConfig, source: str) -> tuple[Pipeline, ...]:
    """Return the pipelines of a pair.

    Args:
        jenkins: the settings of Jenkins.
        pair: the settings of the pair.
        source: the file's name, for the jobs' marks.
    """
    return _Builder(jenkins, pair, source).all()


class _Builder:
    def __init__(self, jenkins: Jenkins, pair: PairConfig, source: str) -> None:
        self._jenkins, self._pair, self._source = jenkins, pair, source
        # A set that was scaled in cannot take the traffic at once: a release of its image scales it out first.
        back = Kind.SWITCH if pair.idle is None else Kind.BLUE_GREEN
        self._commands = PairCommands(pair, jenkins.install, self._name(back))

    def all(self) -> tuple[Pipeline, ...]:
        return (self._release(), self._switch())

    def _release(self) -> Pipeline:
        commands, asks = self._commands, self._pair.promotion == "approval"
        first = (
            self._set_up(),
            Stage("Plan", commands.plan(), writes_pending=True),
            Stage("Deploy", commands.deploy(), in_dry_run=False),
            Stage("Check", commands.check(), in_dry_run=False, tests=f"{DATA}/check.xml"),
        )
        last = [Stage("Switch", commands.switch(checked=not asks), in_dry_run=False, tests=f"{DATA}/switch.xml")]
        if self._pair.idle is not None:
            last.append(Stage("Scale In", commands.scale_in(), in_dry_run=False))
        what = "Updates the idle set of the pair to an image, checks it, switches the traffic to it, and watches it."
        return self._pipeline(
            Kind.BLUE_GREEN,
            what,
            (*either(self._pair.image or ""), _dry_run()),
            first if asks else (*first, *last),
            question=f"The release to {self._pair.name} passed its check. Switch the traffic to it?" if asks else "",
            stages_after=(self._set_up(approved=True), *last) if asks else (),
            report=commands.report(),
        )

    def _switch(self) -> Pipeline:
        to = "The set to switch the traffic to. idle: the set without traffic, so a second build switches back."
        parameters = (
            Parameter("TO", "idle", to, Field.CHOICE, ("idle", "blue", "green")),
            Parameter(
                "ALLOW_FEWER", default=False, field=Field.BOOLEAN,
                description="Switch even if that set has fewer healthy instances than the one with the traffic.",
            ),
            _dry_run(),
        )  # fmt: skip
        what = "Switches the traffic of the pair to the other set, for a rollback. It updates no instance."
        stages = (self._set_up(), Stage("Switch", self._commands.switch_by_hand()))
        return self._pipeline(Kind.SWITCH, what, parameters, stages)

    def _set_up(self, *, approved: bool = False) -> Stage:
        return Stage("Set Up", self._commands.set_up(approved=approved), signed_in=False)

    def _name(self, kind: Kind) -> str:
        return f"{self._pair.name}-{kind.value}"

    def _pipeline(
        self,
        kind: Kind,
        what: str,
        parameters: tuple[Parameter, ...],
        stages: tuple[Stage, ...],
        *,
        question: str = "",
        stages_after: tuple[Stage, ...] = (),
        report: str = "",
    ) -> Pipeline:
        jenkins, own = self._jenkins, self._pair
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
            title=Title(("TO",), before="to ") if kind is Kind.SWITCH else Title(("IMAGE_ID", "IMAGE_URN")),
            lock=jenkins.lock,
            prefills=jenkins.build_with_parameters,
            html=jenkins.safe_html,
            locked="vmss-" + "-".join(load_balancer_names(own.load_balancer, own.resource_group or "")),
            report=report,
            summarizes=True,
            publishes=jenkins.publish_html and bool(report),
            question=question,
            stages_after=stages_after,
        )


def _dry_run() -> Parameter:
    what = "Print what would happen; change nothing."
    return Parameter("DRY_RUN", default=False, field=Field.BOOLEAN, description=what)
