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


def test_they_ask_how_many_more_there_may_be_and_not_how_many_may_be_down() -> None:
    for job in jobs().values():
        assert "MAX_SURGE" in job.jenkinsfile
        assert "MAX_UNAVAILABLE" not in job.jenkinsfile
        assert '--max-surge="$MAX_SURGE" --strategy=surge' in job.jenkinsfile


@pytest.mark.parametrize(("rollout", "most"), [({}, "2"), ({"max_surge": "50%"}, "50%")])
def test_it_is_as_many_as_the_canary_unless_the_file_says_otherwise(rollout: dict[str, object], most: str) -> None:
    made = jobs(canary=2, rollout={"strategy": "surge", **rollout})
    for job in made.values():
        assert f"name: 'MAX_SURGE', defaultValue: '{most}'" in job.jenkinsfile


def test_the_first_job_makes_its_canary_and_sets_no_image_before_all_was_looked_at() -> None:
    canary = jobs()["web-canary"].jenkinsfile
    assert "stage('Add Instances With The New Image')" in canary
    assert "INSTANCE_IDS" not in canary
    assert "vmss_jenkins update " not in canary


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"instance_ids": "0,1"}, "the strategy surge makes its canary"),
        ({"flavour": "plugin", "instance_ids": "0"}, "the strategy surge makes its canary"),
        ({"rollout": {"strategy": "waves", "max_surge": 1}}, "max_surge is for the strategy surge"),
    ],
)
def test_what_does_not_go_together_with_a_surge_is_told(settings: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        jobs(**settings)


@pytest.mark.parametrize("command", ["rollout", "rollback"])
def test_a_number_of_more_instances_is_for_a_surge_alone(command: str) -> None:
    done = CliRunner().invoke(cli.cli, [command, "-g", "rg", "-n", "web", "--max-surge=1"], standalone_mode=False)
    assert isinstance(done.exception, ConfigError)
    assert "found the strategy waves; wanted --strategy surge" in str(done.exception)
