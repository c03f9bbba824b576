"""The Jenkins plugins that a pipeline needs for its steps."""

from __future__ import annotations

from collections.abc import Mapping

from vmss_jenkins.pipelines.model import Kind, Pipeline

SEEN: Mapping[str, str] = {
    "azure-credentials": "312.v0f3973cd1e59",
    "copyartifact": "722.v0662a_9b_e22a_c",
    "credentials-binding": "631.v861c06d062b_4",
    "junit": "1217.v4297208a_a_b_ce",
    "lockable-resources": "2.18",
    "pipeline-build-step": "505.v5f0844d8d126",
    "pipeline-input-step": "477.v339683a_8d55e",
    "pipeline-model-definition": "2.2144.v077a_d1928a_40",
    "workflow-basic-steps": "1042.ve7b_140c4a_e0c",
    "workflow-cps": "3774.v4a_d648d409ce",
    "workflow-durable-task-step": "1289.v4d3e7b_01546b_",
    "workflow-job": "1342.v046651d5b_dfe",
}
"""The versions that the steps were tested with, on Jenkins 2.421; older versions were not tested."""


def plugins_of(pipeline: Pipeline) -> dict[str, str]:
    """Return the plugins that a pipeline needs: short name -> least version, empty for any."""
    kind = pipeline.credentials.kind
    uses = {
        "workflow-job": True,
        "workflow-cps": True,
        "workflow-basic-steps": True,
        "workflow-durable-task-step": True,
        "pipeline-model-definition": True,
        "junit": bool(pipeline.tests),
        "credentials-binding": kind != "none" or bool(pipeline.secrets),
        "plain-credentials": bool(pipeline.secrets),
        "azure-credentials": kind == "azure-service-principal",
        "pipeline-build-step": pipeline.hand_over is not None,
        "pipeline-input-step": bool(pipeline.question or (pipeline.hand_over and pipeline.hand_over.question)),
        "lockable-resources": pipeline.lock,
        "copyartifact": bool(pipeline.copies_from),
        "antisamy-markup-formatter": pipeline.html,
        "htmlpublisher": pipeline.publishes,
        "build-with-parameters": pipeline.prefills,
        "docker-workflow": bool(pipeline.agent.container),
    }
    return {name: SEEN.get(name, "") for name, used in uses.items() if used}


def useful_to(pipeline: Pipeline) -> dict[str, str]:
    """Return the optional plugins of a pipeline: short name -> what does not work without it."""
    if pipeline.prefills:
        return {}
    if not any(stage.writes_description for stage in pipeline.stages) and pipeline.kind is not Kind.BLUE_GREEN:
        return {}
    return {"build-with-parameters": "links to the next job will not prefill its form"}
