"""Applications of galleries as releases: their names, their entries in the model, and when two are the same release."""

from __future__ import annotations

from dataclasses import replace

import pytest

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.applications import (
    FATAL,
    PACKAGE,
    GalleryApplication,
    entries_with,
    key_of,
    short_key,
    short_name,
)
from vmss_jenkins.model.extensions import named_application
from vmss_jenkins.model.releases import ExtensionSettings

GROUP = "/subscriptions/5ca1e5e7-0000-4000-8000-000000000001/resourceGroups/{}"
GROUPS = ("canary-rg", "other")
SET = f"{GROUP.format('canary-rg')}/providers/Microsoft.Compute/virtualMachineScaleSets/web"


def package(version: str, name: str = "site", group: str = "canary-rg") -> str:
    at = f"{GROUP.format(group)}/providers/Microsoft.Compute/galleries/apps/applications/{name}"
    return f"{at}/versions/{version}"


def test_a_short_name_means_a_gallery_beside_the_set_and_an_id_the_gallery_that_it_names() -> None:
    assert GalleryApplication.parse("apps/site/1.0.0").id_beside(SET) == package("1.0.0")
    other = package("1.0.0", group="other")
    assert GalleryApplication.parse(other).id_beside(SET) == other


@pytest.mark.parametrize(
    "text", ["", " ", "site", "a/b/c/d", "apps/site/1", "apps/site/1.0.0\n", "apps/site/latest", "../x/1.0.0", SET]
)
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="wanted GALLERY/APPLICATION/VERSION"):
        GalleryApplication.parse(text)


@pytest.mark.parametrize("order", [-1, 2**31])
def test_an_order_outside_of_azures_range_is_refused(order: int) -> None:
    with pytest.raises(ConfigError, match="wanted 0 to 2147483647"):
        GalleryApplication.parse("apps/site/1.0.0", order=order)


def test_an_id_has_a_key_and_a_short_name() -> None:
    assert (key_of(package("1.0.0", "Site"), SET), short_name(package("1.0.0", "Site"))) == (
        "apps/site",
        "apps/Site/1.0.0",
    )
    assert (key_of("Odd", SET), short_name("Odd"), short_key("odd")) == ("odd", "Odd", "odd")


def test_galleries_of_the_same_name_in_two_groups_have_two_keys() -> None:
    beside, elsewhere = package("1.0.0"), package("1.0.0", group="Other")
    assert key_of(beside.upper(), SET) == "apps/site"
    assert key_of(elsewhere, SET) == elsewhere.lower().removesuffix("/versions/1.0.0")
    assert short_key(key_of(elsewhere, SET)) == "apps/site"
    assert GalleryApplication.parse("apps/site").key_beside(SET) == key_of(beside, SET)
    assert GalleryApplication.parse(elsewhere).key_beside(SET) == key_of(elsewhere, SET)
    assert GalleryApplication.parse(beside).key_beside(SET) == "apps/site"
    assert ExtensionSettings.no_application(key_of(elsewhere, SET)).short_name == "no application apps/site"


def test_a_short_name_is_refused_if_the_model_has_it_from_another_group_alone() -> None:
    here, there = (ExtensionSettings.of_application({PACKAGE: package("1.0.0", group=one)}, SET) for one in GROUPS)
    short, exact = (
        GalleryApplication.parse("apps/site/1.1.0"),
        GalleryApplication.parse(package("1.1.0", group="other")),
    )
    assert named_application([there, here], short, SET) == here
    assert named_application([there, here], exact, SET) == there
    assert named_application([here], exact, SET) == ExtensionSettings.no_application(there.name)
    with pytest.raises(ConfigError, match=f"another resource group: {there.name}; give an id"):
        named_application([there], short, SET)
    assert named_application([there], replace(short, name="other"), SET).short_name == "no application apps/other"


def test_an_application_is_named_without_its_version_as_it_was_typed() -> None:
    assert GalleryApplication.parse("apps/Site/1.0.0").without_version == "apps/Site"
    assert GalleryApplication.parse(package("1.0.0")).without_version == package("1.0.0").removesuffix(
        "/versions/1.0.0"
    )


def test_a_new_entry_makes_failures_count_and_a_known_one_keeps_its_settings() -> None:
    wanted = GalleryApplication.parse("apps/site/1.1.0")
    assert wanted.entry("new", {PACKAGE: ""}) == {PACKAGE: "new", FATAL: True}
    known = {PACKAGE: "old", "order": 2, "configurationReference": "url"}
    assert wanted.entry("new", known) == {PACKAGE: "new", "order": 2, "configurationReference": "url"}
    given = GalleryApplication.parse("apps/site/1.1.0", order=0, failure_counts=True)
    assert given.entry("new", known) == {**known, PACKAGE: "new", "order": 0, FATAL: True}


def test_one_application_changes_and_the_others_stay_in_their_order() -> None:
    first, site, last = ({PACKAGE: package("1.0.0", name), "order": 1} for name in ("first", "Site", "last"))
    all_three = (("apps/first", first), ("apps/site", site), ("apps/last", last))
    new = {PACKAGE: package("2.0.0")}
    assert entries_with(all_three, "apps/site", new) == [first, new, last]
    assert entries_with(all_three[::2], "apps/site", new) == [first, last, new]
    assert entries_with(all_three, "apps/site", {PACKAGE: ""}) == [first, last]
    assert entries_with([], "apps/site", {PACKAGE: ""}) == []


def test_defaults_that_azure_shows_and_the_case_of_ids_make_no_other_release() -> None:
    written = ExtensionSettings.of_application({PACKAGE: package("1.0.0")})
    shown = {PACKAGE: package("1.0.0", "SITE"), FATAL: False, "enableAutomaticUpgrade": False, "tags": None}
    assert written.same_as(ExtensionSettings.of_application(shown))
    assert not written.same_as(ExtensionSettings.of_application({PACKAGE: package("1.0.1")}))
    assert not written.same_as(ExtensionSettings.of_application({PACKAGE: package("1.0.0"), "order": 0}))
    assert not written.same_as(ExtensionSettings.no_application("apps/site"))


def test_an_application_and_none_are_named_for_people_and_survive_their_text() -> None:
    one, none = ExtensionSettings.of_application({PACKAGE: package("1.0.0")}), ExtensionSettings.no_application("a/b")
    assert (one.short_name, none.short_name) == ("apps/site/1.0.0", "no application a/b")
    assert (one.kind, none.kind, ExtensionSettings.of({"script": "x"}).kind) == ("application", "application", "script")
    assert (one.absent, none.absent) == (False, False)
    assert [ExtensionSettings.parse(str(each)) for each in (one, none)] == [one, none]
    assert (one.failure_is_ignored, none.failure_is_ignored) == (True, False)
