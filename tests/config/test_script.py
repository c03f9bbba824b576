"""The key `script` of vmss.yaml: a release that is a script, with common mistakes."""

import jsonschema
import pytest
import yaml

from vmss_jenkins.config.file import json_schema, one_set, parse
from vmss_jenkins.config.script import Secret
from vmss_jenkins.config.values import PINNED
from vmss_jenkins.errors import ConfigError

BASE = {"name": "app", "resource_group": "canary-rg"}


def reasons(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as raised:
        parse(text, "vmss.yaml")
    assert "hunter2" not in str(raised.value)
    return raised.value.reasons


def test_a_minimal_script_is_typed_by_a_person_and_put_in_the_settings() -> None:
    (one,) = one_set({**BASE, "script": {}}, {}).sets
    assert one.script
    assert (one.script.extension, one.script.container, one.script.access) == ("CustomScript", None, "public")


def test_secrets_are_ids_of_credentials_in_jenkins() -> None:
    text = """
defaults: {resource_group: rg, image: 'a:b:c:latest', script: {access: sas, credentials: {sas_token: sas}}}
sets:
  - name: app
    image:
    script:
      container: https://x.blob.core.windows.net/releases/
      credentials: {storage_key: key, protected_settings: {kind: file, id: secrets}}
"""
    (one,) = parse(text, "vmss.yaml").sets
    assert one.script
    assert one.script.credentials.protected_settings == Secret(id="secrets", kind="file")
    assert one.script.credentials.sas_token == "sas"
    jsonschema.validate(yaml.safe_load(text), json_schema())


def test_all_faults_of_scripts_are_reported_at_once_with_their_lines() -> None:
    assert reasons(
        """defaults:
  resource_group: canary-rg
  image: a:b:c:latest
sets:
  - name: a
    schedule: "@daily"
    script:
      container: https://x/B?sig=hunter2
      url: http://example.com/a.sh
      file: "x y"
      acces: sas
      extension: "a b"
      credentials: {protected_settings: {kind: fil, id: ""}}
  - name: b
    script: {access: sas, text: hi, url: "https://e.com/a.sh?sig=hunter2"}
  - {name: c, image: null, script: {access: sas, text: hi, url: "https://e.com/a.sh"}}
  - {name: d, flavour: plugin, instance_ids: "0", schedule: "@daily", script: {}}
  - {name: e, script: {command: x}}
"""
    ) == (
        (
            "line 8, sets[0].script.container: found 'https://x/B'; found the container name 'B'; wanted 3 to 63 "
            "lower-case letters, digits and single dashes; it has a query, which may be a signature: set it in "
            "the environment variable AZURE_STORAGE_SAS_TOKEN"
        ),
        "line 9, sets[0].script.url: found 'http://example.com/a.sh'; wanted https://HOST/PATH",
        (
            "line 10, sets[0].script.file: found the file name 'x y'; wanted letters, digits, '.', '_' and '-', at "
            "most 200"
        ),
        "line 11, sets[0].script.acces: unknown key; did you mean access?",
        "line 12, sets[0].script.extension: found 'a b'; wanted an extension's name such as CustomScript",
        "line 13, sets[0].script.credentials.protected_settings.id: found an empty string; wanted a value",
        "line 13, sets[0].script.credentials.protected_settings.kind: found 'fil'; wanted 'text' or 'file'",
        (
            "line 15, sets[1].script.url: found a query, which may be a signature; wanted it in Jenkins, as "
            "credentials.sas_token"
        ),
        (
            "line 16, sets[2].script: found a text and a url; wanted one of them; access sas needs "
            "credentials.sas_token: instances read the script with that token"
        ),
        (
            "line 17, sets[3]: flavour plugin needs an image id: its jobs take no marketplace image; flavour plugin "
            "takes no script: its steps set images only; found an image and a script; wanted one of them (image: null "
            "removes the image of the defaults); a schedule needs an image, a script with a text or url, or an "
            "application with a version: nobody fills in the form of such a build"
        ),
        (
            "line 18, sets[4].script: a command needs a container or a url: without them the script itself is the "
            "command"
        ),
    )  # fmt: skip


def test_an_upload_needs_the_extra_blob_if_pip_installs_vmss_jenkins() -> None:
    script = {"container": "https://x.blob.core.windows.net/releases"}
    for requirement, fits in (
        ("vmss-jenkins==1.0", False),
        (PINNED, False),
        (PINNED.replace(" @", "[blob] @"), True),
        ("vmss-jenkins[blob]==1.0", True),
        ("ours==1.0", True),
    ):
        jenkins = {"install": {"how": "pip", "requirement": requirement}}
        if fits:
            one_set({**BASE, "script": script}, jenkins)
            continue
        one_set({**BASE, "script": {}}, jenkins)
        with pytest.raises(ConfigError, match=r"needs the extra blob: write vmss-jenkins\[blob\]"):
            one_set({**BASE, "script": script}, jenkins)


def test_a_schedule_needs_a_script_with_a_text_or_url() -> None:
    for filled in ({"text": "true\n"}, {"url": "https://example.com/a.sh"}):
        (one,) = one_set({**BASE, "schedule": "@daily", "script": filled}, {}).sets
        assert one.schedule
