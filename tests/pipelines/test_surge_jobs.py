"""The generated jobs of a set that is surged, and the options of its commands."""

import pytest
from click.testing import CliRunner

from vmss_jenkins import cli, config, pipelines
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.jenkins.plan.jobs import JobSpec

CREDENTIALS = {"credentials": {"kind": "azure-service-principal", "id": "azure"}}


def jobs(**settings: object) -> dict[str, JobSpec]:
    one = {"name": "web", "resource_group": "canary-rg", "rollout": {"strategy": "surge"}, **settings}
    return {job.path: job for job in pipelines.jobs_of(config.one_set(one, CREDENTIALS))}


def test_their_limit_is_max_surge_and_not_max_unavailable() -> None:
    for job in jobs().values():
        assert "MAX_SURGE" in job.jenkinsfile
        assert "MAX_UNAVAILABLE" not in job.jenkinsfile
        assert '--max-surge="$MAX_SURGE" --strategy=surge' in job.jenkinsfile


@pytest.mark.parametrize(("rollout", "most"), [({}, "2"), ({"max_surge": "50%"}, "50%")])
def test_max_surge_is_the_size_of_the_canary_by_default(rollout: dict[str, object], most: str) -> None:
    made = jobs(canary=2, rollout={"strategy": "surge", **rollout})
    for job in made.values():
        assert f"name: 'MAX_SURGE', defaultValue: '{most}'" in job.jenkinsfile


def test_the_canary_job_has_one_command_that_checks_before_it_sets_the_image() -> None:
    canary = jobs()["web-canary"].jenkinsfile
    assert "stage('Add Instances With The New Image')" in canary
    assert "INSTANCE_IDS" not in canary
    assert "vmss_jenkins update " not in canary


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"instance_ids": "0,1"}, "the strategy surge creates its canary"),
        ({"flavour": "plugin", "instance_ids": "0"}, "the strategy surge creates its canary"),
        (
            {"rollout": {"strategy": "waves", "max_surge": 1}},
            "found max_surge with the strategy waves; wanted the strategy surge",
        ),
    ],
)
def test_settings_that_a_surge_cannot_have_are_refused(settings: dict[str, object], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        jobs(**settings)


@pytest.mark.parametrize("command", ["rollout", "rollback"])
def test_max_surge_is_refused_with_another_strategy(command: str) -> None:
    done = CliRunner().invoke(cli.cli, [command, "-g", "rg", "-n", "web", "--max-surge=1"], standalone_mode=False)
    assert isinstance(done.exception, ConfigError)
    assert "found --strategy waves; add --strategy surge" in str(done.exception)
