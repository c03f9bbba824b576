"""The key `application` of vmss.yaml: a release that is a version of a gallery's application, with common mistakes."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml

from tests.model.test_applications import package
from vmss_jenkins.config import Config
from vmss_jenkins.config.file import json_schema, one_set, parse
from vmss_jenkins.errors import ConfigError

BASE = {"name": "app", "resource_group": "canary-rg"}
ID = package("1.0.0").removesuffix("/versions/1.0.0")


def read(**application: Any) -> Config:
    return one_set({**BASE, "application": application}, {})


def test_a_minimal_application_has_a_name_and_a_person_types_the_version() -> None:
    (one,) = read(name="apps/site").sets
    assert one.application
    assert (one.application.name, one.application.version) == ("apps/site", None)
    assert (one.application.order, one.application.failure) == (None, None)
    assert not one.releases_images


def test_a_set_overrides_parts_of_the_application_of_the_defaults() -> None:
    text = """
defaults: {resource_group: rg, image: 'a:b:c:latest', application: {name: apps/site, order: 2, failure: fail}}
sets:
  - name: app
    image:
    schedule: "@daily"
    application: {version: 1.1.0, order: 0}
"""
    (one,) = parse(text, "vmss.yaml").sets
    assert one.application
    assert vars(one.application) == {"name": "apps/site", "version": "1.1.0", "order": 0, "failure": "fail"}
    jsonschema.validate(yaml.safe_load(text), json_schema())


@pytest.mark.parametrize(
    ("application", "reason"),
    [
        ({}, "needs a name, GALLERY/APPLICATION"),
        ({"name": "site"}, "found 'site'; wanted GALLERY/APPLICATION, or the ARM id"),
        ({"name": ""}, "found ''; wanted GALLERY/APPLICATION"),
        ({"name": "apps/site/1.0.0"}, "with a version; wanted GALLERY/APPLICATION"),
        ({"name": f"{ID}/versions/1.0.0"}, "and the version as version"),
        ({"name": "apps/$(touch evil)"}, "wanted GALLERY/APPLICATION"),
        ({"name": "apps/site", "version": "latest"}, "found 'latest'; wanted an exact version"),
        ({"name": "apps/site", "version": "1.0"}, "found '1.0'; wanted an exact version"),
        ({"name": "apps/site", "version": 1.1}, "string"),
        ({"name": "apps/site", "order": -1}, "order: found -1"),
        ({"name": "apps/site", "order": "1"}, "wanted a whole number"),
        ({"name": "apps/site", "failure": "warn"}, "fail"),
        ({"name": "apps/site", "oder": 1}, "oder"),
    ],
)
def test_a_fault_is_refused_with_its_place(application: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(**application)
    assert reason in str(refused.value)
    assert "application" in str(refused.value)


@pytest.mark.parametrize("name", ["apps/site", ID])
def test_an_application_is_named_shortly_or_by_its_id(name: str) -> None:
    assert read(name=name).sets[0].application


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        (
            {"image": "a:b:c:latest"},
            "found an image and an application; wanted one of them (image: null removes the image of the defaults)",
        ),
        ({"script": {}}, "found a script and an application; wanted one of them (script: null removes the script"),
        ({"flavour": "plugin", "instance_ids": "0"}, "flavour plugin takes no application: its steps set images only"),
        ({"schedule": "@daily"}, "a schedule needs an image, a script with a text or url, or an application with a"),
    ],
)
def test_what_does_not_fit_an_application_is_refused(more: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigError) as refused:
        one_set({**BASE, "application": {"name": "apps/site"}, **more}, {})
    assert reason in str(refused.value)
