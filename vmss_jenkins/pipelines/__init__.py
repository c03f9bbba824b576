"""The Jenkins jobs of scale sets, as values: `jobs_of` a configuration, `pipelines_of` it for a look inside."""

from __future__ import annotations

from collections.abc import Mapping

from vmss_jenkins.config import Config
from vmss_jenkins.jobs import JobSpec
from vmss_jenkins.pipelines.building import pipelines_of
from vmss_jenkins.pipelines.job_xml import config_xml
from vmss_jenkins.pipelines.model import Agent, Field, HandOver, Kind, Parameter, Pipeline, Stage
from vmss_jenkins.pipelines.rendering import jenkinsfile

__all__ = [
    "Agent",
    "Field",
    "HandOver",
    "JobSpec",
    "Kind",
    "Parameter",
    "Pipeline",
    "Stage",
    "config_xml",
    "jenkinsfile",
    "jobs_of",
    "pipelines_of",
]


def jobs_of(
    config: Config, source: str = "vmss.yaml", templates: Mapping[str, str] | None = None
) -> tuple[JobSpec, ...]:
    """All jobs of a configuration, in its order.

    Args:
        config: as `vmss_jenkins.config.parse` gives it.
        source: the file's name: jobs carry it, so that they are known again.
        templates: a user's own templates by name; see `rendering`.

    Raises:
        ConfigError: for templates that are wrong, and what no job can hold.
    """
    return tuple(_job(pipeline, templates) for pipeline in pipelines_of(config, source))


def _job(pipeline: Pipeline, templates: Mapping[str, str] | None) -> JobSpec:
    script = jenkinsfile(pipeline, templates)
    return JobSpec(
        path=pipeline.path,
        config_xml=config_xml(pipeline, script),
        jenkinsfile=script,
        plugins=dict.fromkeys(_plugins(pipeline), ""),
        credentials_id=pipeline.credentials.id,
        source=pipeline.source,
    )


def _plugins(pipeline: Pipeline) -> tuple[str, ...]:
    """Short names of the Jenkins plugins whose steps are used."""
    kind = pipeline.credentials.kind
    uses = {
        "workflow-job": True,
        "workflow-cps": True,
        "workflow-basic-steps": True,
        "workflow-durable-task-step": True,
        "pipeline-model-definition": True,
        "junit": pipeline.leaves_results,
        "credentials-binding": kind != "none",
        "azure-credentials": kind == "azure-service-principal",
        "pipeline-build-step": pipeline.hand_over is not None,
        "pipeline-input-step": pipeline.hand_over is not None and bool(pipeline.hand_over.ask),
        "lockable-resources": pipeline.lock,
        "copyartifact": bool(pipeline.copies_from),
        "docker-workflow": bool(pipeline.agent.container),
    }
    return tuple(name for name, used in uses.items() if used)
