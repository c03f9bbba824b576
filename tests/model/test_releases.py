"""What a release by script is, and which ones cannot be."""

import base64
import gzip
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fakes import NEW
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.model.extensions import WINDOWS_HANDLER, choose, extension_body, other_properties
from vmss_jenkins.model.releases import Access, ExtensionSettings, Script
from vmss_jenkins.model.scripts import from_settings, from_url, inline, platform_faults, with_secrets

URL = "https://scripts.blob.core.windows.net/init/install_nginx.v1.sh"
OTHER = ExtensionSettings.of({"commandToExecute": "apt-get install -y nginx"})
JSON = st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3)


def test_a_public_script_is_run_by_its_file_name() -> None:
    script = from_url(URL)
    assert script.release.values == {"fileUris": [URL], "commandToExecute": "bash install_nginx.v1.sh"}
    assert (script.protected, script.release.short_name) == (None, "install_nginx.v1.sh")


def test_a_signed_url_is_protected_and_its_file_distinguishes_releases() -> None:
    script = from_url(f"{URL}?sig=hunter2", Access.SAS)
    assert script.protected_settings_for(script.release, None) == {"fileUris": [f"{URL}?sig=hunter2"]}
    assert script.urls == (f"{URL}?sig=hunter2",)
    assert "hunter2" not in f"{script!r} {script.release}"
    assert (script.release.force_update_tag, script.release.short_name) == (f"sas {URL}", "install_nginx.v1.sh")
    tagged = from_url(f"{URL}?sig=hunter2", Access.SAS, tag="build 7")
    assert (tagged.release.version, tagged.release.short_name) == ("build 7", "install_nginx.v1.sh (build 7)")


def test_a_managed_identity_reads_the_script_with_nothing_secret() -> None:
    script = from_url(URL, Access.MANAGED_IDENTITY)
    assert script.protected_settings_for(script.release, None) == {"managedIdentity": {}}
    assert (list(script.warnings(OTHER, OTHER)), script.urls) == ([], ())
    assert from_url(URL, Access.MANAGED_IDENTITY, tag="7").release.short_name == "install_nginx.v1.sh (7)"


def test_protected_settings_of_an_access_are_removed_with_it_and_those_of_the_user_stay() -> None:
    public, signed = from_url(URL), from_url(f"{URL}?sig=hunter2", Access.SAS)
    for own in (signed, from_url(URL, Access.MANAGED_IDENTITY)):
        assert public.protected_settings_for(public.release, own.release) == {}
        assert own.protected_settings_for(public.release, own.release) == {}, "the way back from it"
    assert public.protected_settings_for(public.release, OTHER) is None
    given = with_secrets(from_url(URL, tag="7"), {"storageAccountName": "a", "storageAccountKey": "hunter2"})
    assert given.protected_settings_for(given.release, signed.release) == given.protected
    both = with_secrets(from_url(f"{URL}?sig=hunter2", Access.SAS, tag="7"), {"storageAccountName": "a"})
    assert set(both.protected_settings_for(both.release, None) or {}) == {"fileUris", "storageAccountName"}


def test_a_rollback_reads_a_signed_script_with_the_present_signature_or_is_refused() -> None:
    before = from_url(f"{URL}?sig=old", Access.SAS).release
    new = from_url(URL.replace("v1", "v2"))
    assert replace(new, signature="sig=new").protected_settings_for(before, new.release) == {
        "fileUris": [f"{URL}?sig=new"]
    }
    assert replace(new, protected_before={"fileUris": []}).protected_settings_for(before, new.release) == {
        "fileUris": []
    }
    with pytest.raises(ConfigError, match="AZURE_STORAGE_SAS_TOKEN"):
        new.protected_settings_for(before, new.release)
    assert [one for one in new.warnings(before, before) if "AZURE_STORAGE_SAS_TOKEN" in one]
    assert list(replace(new, signature="sig=new").warnings(before, before)) == []


def test_a_command_in_the_protected_settings_does_not_stay_beside_a_new_public_one() -> None:
    """The extension takes one command alone, and Azure never shows the other."""
    hidden = from_settings({"timestamp": 1}, {"commandToExecute": "hunter2"}, "7")
    public = from_url(URL)
    with pytest.raises(ConfigError, match="would stay there beside the new one"):
        public.protected_settings_for(public.release, hidden.release)
    assert with_secrets(public, {}).protected_settings_for(public.release, hidden.release) == {}
    with pytest.raises(ConfigError, match="is not known"):
        public.protected_settings_for(hidden.release, public.release)
    known = replace(public, protected_before={"commandToExecute": "hunter2"})
    assert known.protected_settings_for(hidden.release, public.release) == known.protected_before
    assert hidden.protected_settings_for(hidden.release, public.release) == hidden.protected


def test_a_command_gets_the_scripts_file_name_and_keeps_shell_variables() -> None:
    script = from_url(URL, command="bash {script} --port 80 ${script}")
    assert script.release.values["commandToExecute"] == "bash install_nginx.v1.sh --port 80 ${script}"


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
def test_a_bad_url_is_reported_without_its_signature(url: str, access: Access, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason) as told:
        from_url(url, access)
    assert "hunter2" not in str(told.value)


def test_a_script_can_be_written_into_the_settings() -> None:
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
        ({"commandToExecute": "a"}, {"commandToExecute": "b"}, "1", "wanted one of"),
        ({"commandToExecute": "a", "storageAccountKey": "hunter2"}, {}, "", "would be public"),
        ({"commandToExecute": "a", "wait": 1}, {}, "", "unknown settings wait"),
        ({"commandToExecute": "a", "fileUris": [f"{URL}?sig=hunter2"]}, {}, "", "has a query"),
        ({}, {"commandToExecute": "a"}, "", "need a force-update tag"),
        ({"commandToExecute": "a"}, {}, "sas https://x", "is reserved"),
    ],
)
def test_bad_settings_are_reported_without_a_secret(
    settings: dict[str, Any], protected: dict[str, Any], tag: str, reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason) as told:
        from_settings(settings, protected, tag)
    assert "hunter2" not in str(told.value)


def test_a_warning_says_that_a_rollback_needs_the_old_protected_settings() -> None:
    script = from_settings({"commandToExecute": "a"}, {"fileUris": [URL]}, "2")
    assert "--previous-protected-settings" in str(list(script.warnings(OTHER, OTHER)))
    assert list(Script(script.release, script.protected, {}).warnings(OTHER, OTHER)) == []


@given(settings=JSON, name=st.text(min_size=1, max_size=5), tag=st.text(max_size=3))
def test_recorded_settings_are_read_again(settings: dict[str, Any], name: str, tag: str) -> None:
    release = ExtensionSettings.of(settings, name=name, force_update_tag=tag)
    assert ExtensionSettings.parse(str(release)) == release
    assert release.same_as(ExtensionSettings.parse(str(release)))
    assert not release.same_as(ExtensionSettings.of(settings, name=name, force_update_tag=f"{tag}."))


@given(tag=st.one_of(st.text(), st.sampled_from(["sas", "sas x", "sas ", "managed-identity", "managed-identity 7"])))
def test_any_tag_can_be_read_and_the_users_tag_is_found_in_it(tag: str) -> None:
    found = ExtensionSettings.of({"commandToExecute": "x"}, force_update_tag=tag)
    assert found.short_name.startswith("x")
    for access, url in ((Access.SAS, f"{URL}?sig=a"), (Access.MANAGED_IDENTITY, URL), (Access.PUBLIC, URL)):
        if found.access is Access.PUBLIC:
            made = from_url(url, access, tag=tag).release
            assert (made.access, made.version) == (access, tag)
        else:
            with pytest.raises(ConfigError, match="is reserved"):
                from_url(url, access, tag=tag)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '["a", 1, ""]'])
def test_a_text_of_somebody_else_is_not_read(text: str) -> None:
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
    assert [one.short_name for one in found] == ["x", "inline-44136fa3 (2)"]
    assert choose(found, "B") == found[1]
    assert choose(found[:1]) == found[0]
    assert choose([]).absent
    with pytest.raises(ConfigError, match="a, b"):
        choose(found)
    with pytest.raises(ConfigError, match="no extension c, and Azure allows no second CustomScript beside a, b"):
        choose(found, "c")
    assert choose([], "c").absent


def test_a_change_of_an_extension_keeps_what_it_does_not_name() -> None:
    release = ExtensionSettings.of({"commandToExecute": "x"}, force_update_tag="1")
    wanted = {"settings": {"commandToExecute": "x"}, "forceUpdateTag": "1"}
    assert extension_body(release, None, release) == {"properties": wanted}
    untagged = ExtensionSettings.of({"commandToExecute": "x"})
    assert extension_body(untagged, None, untagged) == {"properties": {"settings": wanted["settings"]}}
    assert extension_body(untagged, None, release)["properties"]["forceUpdateTag"] == ""
    made = extension_body(release, {"a": 1}, None)["properties"]
    assert (made["type"], made["protectedSettings"]) == ("CustomScript", {"a": 1})


HIDDEN = {
    "name": "CustomScript",
    "properties": {"type": "CustomScript", "provisionAfterExtensions": ["a"], "provisioningState": "Succeeded"},
}
"""An extension whose settings are all protected, as Azure shows it."""


def hidden() -> ExtensionSettings:
    found = ExtensionSettings.from_body(HIDDEN)
    assert found is not None
    return found


def test_an_extension_with_only_protected_settings_is_hidden_and_not_absent() -> None:
    assert (hidden().hidden, hidden().absent, hidden().short_name) == (True, False, "script in protected settings")
    assert (ExtensionSettings().hidden, ExtensionSettings().absent) == (False, True)
    recorded = ExtensionSettings.parse(str(hidden()))
    assert recorded is not None
    assert (recorded.hidden, recorded.same_as(hidden())) == (True, True)


def test_the_settings_of_a_hidden_script_are_asked_for_before_it_is_replaced() -> None:
    script = Script(ExtensionSettings.of({"commandToExecute": "x"}))
    new, before = script.hidden_faults(hidden())
    assert "give those of the new script: --protected-settings FILE" in new
    assert "a rollback needs the present ones, with their command: --previous-protected-settings FILE" in before
    given = replace(script, protected={}, protected_before={"commandToExecute": "old"})
    assert list(given.hidden_faults(hidden())) == []
    assert len(list(replace(given, protected_before={}).hidden_faults(hidden()))) == 1, "no command to roll back to"
    assert list(script.hidden_faults(ExtensionSettings())) == []


def test_a_replaced_extension_keeps_its_other_properties() -> None:
    release = ExtensionSettings.of({"commandToExecute": "x"})
    body = extension_body(release, {}, None, other_properties(HIDDEN))["properties"]
    assert (body["provisionAfterExtensions"], "provisioningState" in body) == (["a"], False)
    assert (body["settings"], body["protectedSettings"]) == ({"commandToExecute": "x"}, {})


def test_a_new_extension_of_a_windows_set_has_the_handler_of_windows() -> None:
    made = extension_body(ExtensionSettings.of({"commandToExecute": "x"}), None, None, WINDOWS_HANDLER)["properties"]
    assert (made["publisher"], made["type"]) == ("Microsoft.Compute", "CustomScriptExtension")


@pytest.mark.parametrize(
    ("script", "windows", "fault"),
    [
        (inline("echo"), False, None),
        (inline("echo"), True, "does not know script; give --script-url URL"),
        (from_url("https://x.example/a.sh"), True, "found the command 'bash a.sh', and the set runs Windows"),
        (from_url("https://x.example/a.ps1"), True, None),
        (from_url("https://x.example/a.ps1"), False, "and the set runs Linux; give --command, such as 'pwsh {script}'"),
        (from_url("https://x.example/a.ps1", command="pwsh {script}"), False, None),
        (Script(ExtensionSettings.of({}), {"script": "eA=="}), True, "does not know script"),
    ],
)
def test_a_script_must_fit_the_system_of_the_set(script: Script, windows: bool, fault: str | None) -> None:
    faults = list(platform_faults(script, windows=windows))
    assert (fault is None) == (not faults)
    assert fault is None or fault in faults[0]


def test_a_powershell_file_is_run_by_powershell() -> None:
    release = from_url("https://x.example/deploy.ps1").release
    assert release.values["commandToExecute"] == "powershell -ExecutionPolicy Unrestricted -File deploy.ps1"


def test_azure_ignores_case_in_names_and_ids_but_a_script_that_differs_in_case_is_another() -> None:
    script = ExtensionSettings.of({"commandToExecute": "sh A.sh"}, name="CustomScript")
    assert script.same_as(replace(script, name="customSCRIPT"))
    assert not script.same_as(ExtensionSettings.of({"commandToExecute": "sh a.sh"}, name="CustomScript"))
    package = (
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/apps/applications/a/versions/1.0.0"
    )
    application = ExtensionSettings.of_application({"packageReferenceId": package})
    assert application.same_as(ExtensionSettings.of_application({"packageReferenceId": package.upper()}))
