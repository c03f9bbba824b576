"""What users report in public threads of images and scripts that keep their name: each thread is one story here."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.rollout.test_moving_images_emulated import PUBLISHED, definition, gallery, publish, roll, running
from tests.rollout.test_scripts_emulated import FOUR, pages, same_script
from tests.rollout.test_scripts_emulated import roll as roll_script
from tests.rollout.test_steps_emulated import WEB, Session, session
from vmss_jenkins.errors import AzureError, ConfigError
from vmss_jenkins.model.releases import Script
from vmss_jenkins.model.scripts import from_settings
from vmss_jenkins.rollout.ending import Outcome

OLD = {"nginx/1.0.0": 3}
API = "api-version=2024-03-03"


def latest(azure: Session) -> list[bool | None]:
    return [one.latest_model_applied for one in azure.instances()]


def reimage(azure: Session, key: str) -> None:
    url = f"{azure.emulator.endpoint}{azure.sets.get(WEB).id}/reimage?{API}"
    assert requests.post(url, json={"instanceIds": [key]}, timeout=10).status_code == 202
    azure.clock.sleep(600)


def test_azure_cli_28008_a_published_version_marks_no_instance_outdated_and_is_rolled_out_all_the_same() -> None:
    """https://github.com/Azure/azure-cli/issues/28008, its first problem."""
    with gallery() as azure:
        named = definition(azure)
        publish(azure, "1.0.1")
        assert (latest(azure), running(azure)) == ([True] * 3, OLD)
        assert roll(azure, named).outcome is Outcome.ROLLED_OUT
        assert running(azure) == {"nginx/1.0.1": 3}


def test_azure_cli_28008_a_reimaged_instance_has_the_new_version_whatever_its_flag_says() -> None:
    """The second problem of the same thread: the reimaged instance stays marked as outdated."""
    with gallery() as azure:
        named = definition(azure)
        publish(azure, "1.0.1")
        azure.sets.begin_set_image(azure.sets.get(WEB), named)
        azure.clock.sleep(60)
        reimage(azure, "1")
        assert (latest(azure), running(azure)) == ([False] * 3, {"nginx/1.0.0": 2, "nginx/1.0.1": 1})
        result = roll(azure, named)
        assert (result.outcome, sorted(result.updated)) == (Outcome.ROLLED_OUT, ["0", "2"])


def test_azurerm_2284_a_model_goes_from_an_exact_version_to_the_definition_and_back() -> None:
    """https://github.com/hashicorp/terraform-provider-azurerm/issues/2284; a version whose copy failed is no newest."""
    with gallery() as azure:
        named = definition(azure)
        assert roll(azure, named.at_version("1.0.0")).outcome is Outcome.ROLLED_OUT
        assert azure.sets.get(WEB).image == named.at_version("1.0.0")
        azure.emulator.inject("fail region=westeurope")
        publish(azure, "1.0.2")
        publish(azure, "1.0.1")
        assert roll(azure, named).outcome is Outcome.ROLLED_OUT
        assert running(azure) == {"nginx/1.0.1": 3}


def test_azure_rest_api_specs_4446_a_new_instance_has_the_new_version_and_the_others_follow_by_its_number() -> None:
    """https://github.com/Azure/azure-rest-api-specs/issues/4446"""
    with gallery() as azure:
        named = definition(azure)
        publish(azure, "1.0.1")
        azure.sets.begin_set_capacity(azure.sets.get(WEB), 4)
        azure.clock.sleep(PUBLISHED)
        assert running(azure) == {**OLD, "nginx/1.0.1": 1}
        result = roll(azure, named.at_version("1.0.1"))
        assert (result.outcome, sorted(result.updated)) == (Outcome.ROLLED_OUT, ["0", "1", "2"])
        assert running(azure) == {"nginx/1.0.1": 4}


@pytest.mark.parametrize("wait", [None, 600.0])
def test_agentbaker_8373_a_version_that_succeeded_is_not_in_the_region_yet(wait: float | None) -> None:
    """https://github.com/Azure/AgentBaker/pull/8373 and 9228: neither its state nor its target regions tell of it."""
    with gallery() as azure:
        new = definition(azure).at_version("1.0.1")
        azure.emulator.inject("stuck region=westeurope seconds=500")
        publish(azure, "1.0.1")
        url = f"{azure.emulator.endpoint}{new}?{API}"
        shown: Any = requests.get(url, timeout=10).json()["properties"]
        assert shown["provisioningState"] == "Succeeded"
        assert [one["name"] for one in shown["publishingProfile"]["targetRegions"]] == ["westeurope"]
        with pytest.raises(AzureError, match="GalleryImageNotFound"):
            azure.sets.begin_set_image(azure.sets.get(WEB), new)
        before = azure.changes()
        if wait is None:
            with pytest.raises(ConfigError, match=r"westeurope: Replicating, \d+%\).*--wait-for-replication"):
                roll(azure, new)
            assert (azure.changes(), running(azure)) == (before, OLD)
        else:
            assert roll(azure, new, wait_for_replication=wait).outcome is Outcome.ROLLED_OUT
            assert running(azure) == {"nginx/1.0.1": 3}


def put_script(azure: Session, title: str) -> Script:
    """Write a script to its URL, and return the release that names that URL."""
    url = f"{azure.emulator.endpoint}/_emulator/blobs/scripts/init/install.sh"
    text = f"apt-get install -y nginx\nsed -i 's/Welcome/{title}/' /var/www/html/index*.html\n"
    assert requests.put(url, data=text, headers={"Authorization": "x"}, timeout=10).status_code == 201
    return from_settings({"fileUris": [url], "commandToExecute": "bash install.sh"})


def test_custom_script_89_a_script_at_the_same_url_runs_on_no_instance_again_and_the_rollout_says_so() -> None:
    """https://github.com/Azure/custom-script-extension-linux/issues/89"""
    with session(FOUR) as azure:
        assert roll_script(azure, put_script(azure, "First")).outcome is Outcome.ROLLED_OUT
        result = roll_script(azure, put_script(azure, "Second"))
        assert (result.outcome, result.updated) == (Outcome.ROLLED_OUT, ())
        assert pages(azure) == ["First to nginx!"] * 4
        (text,) = same_script(azure)
        assert "give --force-update-tag TAG" in text


def test_custom_script_103_a_new_tag_alone_runs_the_script_on_each_instance_of_a_set_in_manual_mode() -> None:
    """https://github.com/Azure/custom-script-extension-linux/issues/103: there the instances were never updated."""
    with session(FOUR) as azure:
        assert roll_script(azure, put_script(azure, "First")).outcome is Outcome.ROLLED_OUT
        tagged = from_settings(put_script(azure, "Second").release.values, tag="2")
        result = roll_script(azure, tagged)
        assert (result.outcome, len(result.updated)) == (Outcome.ROLLED_OUT, 4)
        assert (pages(azure), same_script(azure)) == (["Second to nginx!"] * 4, [])


def test_azure_docs_115847_a_model_that_is_written_again_with_the_same_script_runs_it_nowhere() -> None:
    """https://github.com/MicrosoftDocs/azure-docs/issues/115847: not even an update of all instances runs it."""
    with session(FOUR) as azure:
        script = put_script(azure, "First")
        assert roll_script(azure, script).outcome is Outcome.ROLLED_OUT
        put_script(azure, "Second")
        url = f"{azure.emulator.endpoint}{azure.sets.get(WEB).id}/extensions/CustomScript?{API}"
        body = requests.get(url, timeout=10).json()
        assert requests.put(url, json={"properties": body["properties"]}, timeout=10).status_code in {200, 201}
        azure.clock.sleep(60)
        update = azure.sets.begin_update_instances(azure.sets.get(WEB), ["0", "1", "2", "3"])
        azure.clock.sleep(600)
        azure.sets.poll(update)
        assert (update.done, pages(azure)) == (True, ["First to nginx!"] * 4)
