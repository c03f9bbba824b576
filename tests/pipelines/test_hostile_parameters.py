"""What a user types into the form of a build reaches the command unchanged, through real Groovy and a real shell."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.pipelines.samples import HOSTILE, jobs
from tests.support.groovy_harness import LIBRARY, Jenkins
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.gates.parsing import gate_from_line
from vmss_jenkins.gates.specs import CommandGate

PRINCIPAL = {"kind": "azure-service-principal", "id": "azure"}
SECRETS = {f"{name}_id": f"the-{name}" for name in ("subscription", "tenant", "client")} | {"client_secret": "hush"}
PLUGIN = {"flavour": "plugin", "instance_ids": "0", "gates": []}
PARAMETERS = {
    "canary by size": ("RESOURCE_GROUP", "VMSS_NAME", "IMAGE_ID", "IMAGE_URN", "CANARY", "MAX_UNAVAILABLE"),
    "canary by ids": ("RESOURCE_GROUP", "VMSS_NAME", "IMAGE_ID", "IMAGE_URN", "INSTANCE_IDS", "MAX_UNAVAILABLE"),
    "full": ("RESOURCE_GROUP", "VMSS_NAME", "IMAGE_ID", "IMAGE_URN", "MAX_UNAVAILABLE"),
    "rollback": ("RESOURCE_GROUP", "VMSS_NAME", "IMAGE_ID", "MAX_UNAVAILABLE"),
    "canary by the plugin's steps": ("RESOURCE_GROUP", "VMSS_NAME", "IMAGE_ID", "INSTANCE_IDS"),
}
PLAIN = "plain"
TYPED = (*HOSTILE, "$HOME", "${VMSS_NAME}", "$$", "$IMAGE_ID")
"""Texts that a second expansion would change."""
RECORDER = """#!/bin/sh
printf '%s\\0' "$#" "$@" >> "$RECORD"
printf '%s' "$NODE_NAME" > "$RECORD-node"
for word; do
    case $word in --file=* | --next=* | --name-file=* | --release-file=*) echo done > "${word#*=}" ;; esac
done
"""
BLANKS = "".join(map(chr, range(33)))
"""What Jenkins trims from the ends of a parameter."""


def calls(jenkins: Jenkins, kind: str, text: str) -> list[list[str]]:
    """Return the command lines, word by word, of a build with this text for each parameter."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        command, record = home / "command", home / "record"
        command.write_text(RECORDER)
        command.chmod(0o755)
        one = PLUGIN if "plugin" in kind else {}
        found = jobs(one, {"install": {"python": str(command)}, "credentials": PRINCIPAL})
        build = jenkins.run(
            found[kind.partition(" ")[0]].jenkinsfile,
            dict.fromkeys(PARAMETERS[kind], text) | ({"HANDOFF": text} if kind == "full" else {}),
            {"RECORD": str(record), "VMSS_JENKINS_COMMAND": str(command)},
            credentials={"azure": SECRETS},
            libraries=[LIBRARY],
            home=home,
        )
        assert build.result == "SUCCESS", build.log
        assert not list(home.rglob("evil*"))
        return parted(record.read_bytes().decode())


def parted(record: str) -> list[list[str]]:
    words = record.split("\0")[:-1]
    found = []
    while words:
        count = int(words[0])
        found.append(words[1 : count + 1])
        words = words[count + 1 :]
    return found


@pytest.fixture(scope="module")
def ordinary(jenkins: Jenkins) -> dict[str, list[list[str]]]:
    """The command lines of builds with a harmless text."""
    return {kind: calls(jenkins, kind, PLAIN) for kind in PARAMETERS}


typed = st.one_of(
    st.sampled_from(TYPED),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40),
    st.lists(st.sampled_from([text for text in TYPED if len(text) < 1000]), min_size=1, max_size=5).map("".join),
).filter(lambda text: text.strip(BLANKS))


@pytest.mark.parametrize("kind", PARAMETERS)
@settings(max_examples=12, deadline=None)
@example(text="".join(TYPED))
@given(text=typed)
def test_a_parameter_reaches_the_command_unchanged_and_nothing_runs(
    jenkins: Jenkins, ordinary: dict[str, list[list[str]]], kind: str, text: str
) -> None:
    whole = text.strip(BLANKS)
    wanted = [
        [f"{word.removesuffix(PLAIN)}{whole}" if word.endswith(f"={PLAIN}") else word for word in call]
        for call in ordinary[kind]
    ]
    assert calls(jenkins, kind, text) == wanted


@pytest.mark.parametrize("kind", PARAMETERS)
def test_every_parameter_is_in_a_command_line(ordinary: dict[str, list[list[str]]], kind: str) -> None:
    """Otherwise the test above would not test that parameter."""
    options = {word for call in ordinary[kind] for word in call if word.endswith(f"={PLAIN}")}
    assert len(options) == len(PARAMETERS[kind])


@settings(max_examples=15, deadline=None)
@example(text="".join(one for one in TYPED if "\n" not in one))
@given(text=typed)
def test_a_value_of_the_file_passes_groovy_and_the_shell_unchanged(jenkins: Jenkins, text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        command = home / "command"
        command.write_text(RECORDER)
        command.chmod(0o755)
        one = {"description": text, "gates": [{"gate": "command", "run": ["check", text]}], "promotion": "automatic"}
        credentials = {"kind": "azure-service-principal", "id": text}
        try:
            found = jobs(one, {"agent": text, "credentials": credentials, "install": {"python": str(command)}})
        except ConfigError:  # a character that no job can hold
            return
        build = jenkins.run(
            found["canary"].jenkinsfile,
            {"IMAGE_ID": "x"},
            {"RECORD": str(home / "record")},
            credentials={text: SECRETS},
            home=home,
        )
        assert build.result == "SUCCESS", build.log
        assert (home / "record-node").read_text() == text
        words = [word for call in parted((home / "record").read_text()) for word in call]
        (gate,) = {word.removeprefix("--gate=") for word in words if word.startswith("--gate=")}
        assert gate_from_line(gate) == CommandGate(run=("check", text))
        assert not list(home.rglob("evil*"))
