"""What a release by script is, and which ones cannot be."""

import base64
import gzip
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import NEW
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.releases import (
    Access,
    ExtensionSettings,
    Script,
    choose,
    extension_body,
)
from vmss_jenkins.scripts import from_settings, from_url, inline

URL = "https://scripts.blob.core.windows.net/init/install_nginx.v1.sh"
JSON = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3)


def test_a_public_script_is_run_by_its_name() -> None:
    script = from_url(URL)
    assert script.release.values == {"fileUris": [URL], "commandToExecute": "bash install_nginx.v1.sh"}
    assert (script.protected, script.release.short_name) == (None, "install_nginx.v1.sh")


def test_a_signed_url_is_protected_and_its_file_tells_releases_apart() -> None:
    script = from_url(f"{URL}?sig=hunter2", Access.SAS)
    assert script.protected == {"fileUris": [f"{URL}?sig=hunter2"]}
    assert "hunter2" not in f"{script!r} {script.release}"
    assert script.release.force_update_tag == "install_nginx.v1.sh"


def test_a_managed_identity_reads_the_script_with_nothing_secret() -> None:
    script = from_url(URL, Access.MANAGED_IDENTITY)
    assert (script.protected, script.warning) == ({"managedIdentity": {}}, None)


@pytest.mark.parametrize(
    ("url", "access", "reason"),
    [
        ("http://example.com/a.sh", Access.PUBLIC, "wanted https"),
        ("a.sh", Access.PUBLIC, "wanted https"),
        ("https://example.com/", Access.PUBLIC, "the file name"),
        ("https://example.com/a%20b;rm.sh", Access.PUBLIC, "the file name"),
        (f"{URL}?sig=hunter2", Access.PUBLIC, "give --access sas"),
        (URL, Access.SAS, "no signature"),
    ],
)
def test_a_url_that_cannot_be_is_told_and_its_signature_is_not(url: str, access: Access, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as told:
        from_url(url, access)
    assert "hunter2" not in str(told.value)


def test_a_script_may_go_into_the_settings_themselves() -> None:
    script = inline("apt-get install -y nginx\n")
    assert gzip.decompress(base64.b64decode(script.release.values["script"])) == b"apt-get install -y nginx\n"
    assert script == inline("apt-get install -y nginx\n")
    with pytest.raises(ConfigError, match="empty"):
        inline(" \n")


@pytest.mark.parametrize(
    ("settings", "protected", "tag", "reason"),
    [
        ({}, {}, "", "found no command"),
        ({"commandToExecute": "a", "script": "b"}, {}, "", "commandToExecute and script"),
        ({"commandToExecute": "a"}, {"commandToExecute": "b"}, "1", "wanted either"),
        ({"commandToExecute": "a", "storageAccountKey": "hunter2"}, {}, "", "shown to everybody"),
        ({"commandToExecute": "a", "wait": 1}, {}, "", "unknown settings wait"),
        ({"commandToExecute": "a", "fileUris": [f"{URL}?sig=hunter2"]}, {}, "", "carries a query"),
        ({}, {"commandToExecute": "a"}, "", "need a force-update tag"),
    ],
)
def test_settings_that_cannot_be_are_told_without_a_secret(
    settings: dict[str, Any], protected: dict[str, Any], tag: str, reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason) as told:
        from_settings(settings, protected, tag)
    assert "hunter2" not in str(told.value)


def test_going_back_from_secrets_needs_the_old_ones_which_is_told() -> None:
    script = from_settings({"commandToExecute": "a"}, {"fileUris": [URL]}, "2")
    assert "--previous-protected-settings" in str(script.warning)
    assert Script(script.release, script.protected, {}).warning is None


@given(settings=JSON, name=st.text(min_size=1, max_size=5), tag=st.text(max_size=3))
def test_what_is_written_down_is_read_again(settings: dict[str, Any], name: str, tag: str) -> None:
    release = ExtensionSettings.of(settings, name=name, force_update_tag=tag)
    assert ExtensionSettings.parse(str(release)) == release
    assert release.same_as(ExtensionSettings.parse(str(release)))
    assert not release.same_as(ExtensionSettings.of(settings, name=name, force_update_tag=f"{tag}."))


@pytest.mark.parametrize("text", ["", "{}", "[1]", '["a", 1, ""]'])
def test_what_was_not_written_by_us_is_nothing(text: str) -> None:
    assert ExtensionSettings.parse(text) is None


def test_an_image_is_never_the_same_as_a_script() -> None:
    assert not NEW.same_as(ExtensionSettings())
    assert not ExtensionSettings().same_as(NEW)


def test_an_extension_is_found_by_its_type_and_chosen_by_its_name() -> None:
    bodies = [
        {"name": "health", "properties": {"type": "ApplicationHealthLinux"}},
        {"name": "a", "properties": {"type": "CustomScript", "settings": {"commandToExecute": "x"}}},
        {"name": "b", "properties": {"type": "customScript", "forceUpdateTag": "2"}},
    ]
    found = [one for one in map(ExtensionSettings.from_body, bodies) if one]
    assert [one.short_name for one in found] == ["x", "script 44136fa3 (2)"]
    assert choose(found, "B") == found[1]
    assert choose(found[:1]) == found[0]
    assert choose([]).absent
    with pytest.raises(ConfigError, match="a, b"):
        choose(found)


def test_a_change_leaves_what_it_does_not_name() -> None:
    release = ExtensionSettings.of({"commandToExecute": "x"}, force_update_tag="1")
    wanted = {"settings": {"commandToExecute": "x"}, "forceUpdateTag": "1"}
    assert extension_body(release, None, release) == {"properties": wanted}
    untagged = ExtensionSettings.of({"commandToExecute": "x"})
    assert extension_body(untagged, None, untagged) == {"properties": {"settings": wanted["settings"]}}
    assert extension_body(untagged, None, release)["properties"]["forceUpdateTag"] == ""
    made = extension_body(release, {"a": 1}, None)["properties"]
    assert (made["type"], made["protectedSettings"]) == ("CustomScript", {"a": 1})
