"""The Jenkins jobs of a configuration: `jobs_of` returns them; `pipelines_of` returns their parts, to look into."""

from __future__ import annotations

from collections.abc import Mapping

from vmss_jenkins.config import Config
from vmss_jenkins.jenkins.plan.jobs import JobSpec
from vmss_jenkins.pipelines import groovy
from vmss_jenkins.pipelines.image_job import image_pipelines_of
from vmss_jenkins.pipelines.jenkinsfile import jenkinsfile
from vmss_jenkins.pipelines.job_xml import config_xml
from vmss_jenkins.pipelines.model import Agent, Field, HandOver, Kind, Parameter, Pipeline, Secret, SecretKind, Stage
from vmss_jenkins.pipelines.plugins import plugins_of, useful_to
from vmss_jenkins.pipelines.set_jobs import pipelines_of

__all__ = [
    "Agent",
    "Field",
    "HandOver",
    "JobSpec",
    "Kind",
    "Parameter",
    "Pipeline",
    "Secret",
    "SecretKind",
    "Stage",
    "config_xml",
    "image_jobs_of",
    "jenkinsfile",
    "jobs_of",
    "pipelines_of",
]


def jobs_of(
    config: Config, source: str = "vmss.yaml", templates: Mapping[str, str] | None = None
) -> tuple[JobSpec, ...]:
    """Return all jobs of a configuration, in its order.

    Args:
        config: as `vmss_jenkins.config.parse` returns it.
        source: the file's name, for the mark in the jobs' descriptions.
        templates: a user's own templates by name; see `jenkinsfile`.

    Raises:
        ConfigError: if a template is wrong, or a job cannot hold a value.
    """
    return tuple(_job(pipeline, templates) for pipeline in pipelines_of(config, source))


def image_jobs_of(
    config: Config, source: str = "vmss.yaml", templates: Mapping[str, str] | None = None
) -> tuple[JobSpec, ...]:
    """Return the jobs that build images with Packer, one for each set.

    Args:
        config: as `vmss_jenkins.config.parse` returns it.
        source: the file's name.
        templates: as for `jobs_of`.

    Raises:
        ConfigError: as `jobs_of`.
    """
    return tuple(_job(pipeline, templates) for pipeline in image_pipelines_of(config, source))


def _job(pipeline: Pipeline, templates: Mapping[str, str] | None) -> JobSpec:
    script = jenkinsfile(pipeline, templates)
    return JobSpec(
        path=pipeline.path,
        config_xml=config_xml(pipeline, script),
        jenkinsfile=script,
        plugins=plugins_of(pipeline),
        credentials_id=pipeline.credentials.id,
        source=pipeline.source,
        useful=useful_to(pipeline),
        summary=pipeline.summary,
        secrets=tuple(dict.fromkeys(secret.id for secret in pipeline.secrets)),
        html=pipeline.html,
        shape=groovy.shape(script),
    )
