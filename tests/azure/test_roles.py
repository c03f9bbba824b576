"""Each command runs with its own role alone, and uses all of it, by the emulator's record."""

from __future__ import annotations

import json
import shlex
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vmss_jenkins import cli
from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.azure.os_upgrades.upgrades import AzureOsUpgrades
from vmss_jenkins.azure.roles import LINKED, USED, role, table
from vmss_jenkins.emulator import Emulator, Release, Scenario
from vmss_jenkins.emulator.arm.role import Role
from vmss_jenkins.emulator.compute import scale_sets
from vmss_jenkins.emulator.front.routes import resolve
from vmss_jenkins.emulator.scenario.scenario import SCENARIOS
from vmss_jenkins.emulator.state.automation.autoscale import AutoscaleSetting
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.govern import watch
from vmss_jenkins.model.instances import ScaleSetName

SCOPE = "/subscriptions/5ca1e5e7-0000-4000-8000-000000000001"
UNIFORM = Scenario(instances=2)
FLEXIBLE = Scenario(instances=2, orchestration="Flexible", nat="rule")
PAIR = SCENARIOS["nginx-blue-green"]
GREEN = replace(PAIR.more_sets[0], orchestration="Flexible")
PAIRS = (PAIR, replace(PAIR, orchestration="Flexible", more_sets=(GREEN,)))
SCRIPT = replace(SCENARIOS["nginx-extension"], instances=2)
PUBLISHED = {"apps/nginx": "apps/nginx/1.0.{}", "Canonical:nginx:22:latest": "Canonical:nginx:22:1.0.{}"} | {
    image: f"{image}/Versions/1.0.{{}}" for image in ("/SharedGalleries/a/Images/b", "/CommunityGalleries/a/Images/b")
}
APPLICATION = replace(SCENARIOS["nginx-application"], instances=2)
MOVING = [
    Scenario(instances=1, image=image, releases={one.format(patch): Release("page") for patch in range(2)})
    for image, one in PUBLISHED.items()
]
"""Sets that name an image that moves, of every kind."""
UPGRADED: dict[str, Any] = {
    "image": "apps/nginx",
    "releases": {f"apps/nginx/1.0.{patch}": Release("page") for patch in range(2)},
    "unpublished": frozenset({"apps/nginx/1.0.1"}),
    "automatic_os_upgrade": True,
}
ASKED = Scenario(
    instances=10, hooks=({"type": "UpgradeAutoOSRollingBatchStarting", "waitDuration": "PT4H"},), zones=(), **UPGRADED
)
DEFERRED = [
    Scenario(instances=2, os_upgrade_deferral=True, **UPGRADED),
    Scenario(instances=2, orchestration="Flexible", nat="rule", os_upgrade_deferral=True, **UPGRADED),
]
GATES = [f"http via={via} port=80 samples=1 timeout=1s error_limit=0" for via in ("public", "nat", "frontend")]
ONCE = "samples=1 timeout=1s error_limit=0"
PAIR_WORDS = "--load-balancer blueLB --blue blue --green green"
RUNS: dict[str, list[tuple[Scenario, str]]] = {
    "status": [(UNIFORM, "status"), (FLEXIBLE, "status")],
    "history": [(UNIFORM, "history"), (FLEXIBLE, "history")],
    "update": [(s, f"update --image-id NEW{dry}") for s in (UNIFORM, FLEXIBLE) for dry in (" --dry-run", "")],
    "update-instances": [
        (s, f"update-instances --instance-ids *{dry}") for s in (UNIFORM, FLEXIBLE) for dry in (" --dry-run", "")
    ],
    "update-extension": [(SCRIPT, f"update-extension --script v1.sh{dry}") for dry in (" --dry-run", "")],
    "update-application": [(APPLICATION, f"update --application apps/site/1.1.0{dry}") for dry in (" --dry-run", "")],
    "rollout": [(s, "rollout --image-id NEW --canary 1") for s in (UNIFORM, FLEXIBLE)],
    "rollback": [(s, "rollback --to NEW") for s in (UNIFORM, FLEXIBLE)],
    "rollout-script": [(SCRIPT, "rollout --script v1.sh --canary 1"), (SCRIPT, "rollback --extension CustomScript")],
    "surge": [(s, "rollout --image-id NEW --canary 1 --strategy surge") for s in (UNIFORM, FLEXIBLE)],
    "verify": [(s, f"verify --gate '{gate}'") for s in (UNIFORM, FLEXIBLE) for gate in GATES],
    "switch": [(pair, "switch --load-balancer blueLB --blue blue --green green --to green") for pair in PAIRS],
    "blue-green": [
        (PAIR, f"blue-green check {PAIR_WORDS} --image-id NEW --test-port 18080 --gate 'http {ONCE}'"),
        *(
            (
                replace(pair, more_sets=(replace(pair.more_sets[0], image="nginx-base-image", instances=1),)),
                f"blue-green release {PAIR_WORDS} --image-id NEW --idle 1",
            )
            for pair in PAIRS
        ),
    ],
    "resolve-image": [(s, "resolve-image --image-id NEW") for s in (UNIFORM, FLEXIBLE)],
    "image-versions": [(s, line) for s in MOVING for line in ("rollout --dry-run", "rollout", "resolve-image")],
    "applications": [
        (APPLICATION, "rollout --application apps/site/1.1.0 --canary 1"),
        (APPLICATION, "rollback --application apps/site/1.1.0"),
    ],
    "drain": [(s, "rollout --image-id NEW --drain 0.1") for s in (UNIFORM, FLEXIBLE)],
    "repairs": [(UNIFORM, "rollout --image-id NEW --canary 1")],
    "autoscale": [(UNIFORM, "rollout --image-id NEW --canary 1 --autoscale suspend")],
    "protection": [(replace(UNIFORM, mode="Rolling"), "rollout --image-id NEW --canary 1")],
    "govern": [
        (ASKED, "govern --canary 1"),
        (ASKED, "govern --gate 'command run=false'"),
        *((one, "govern --max-unavailable 50%") for one in DEFERRED),
    ],
    "govern-install": [(UNIFORM, f"govern --{what}") for what in ("install", "uninstall")],
}


BESIDE = {
    "drain": ("rollout",),
    "applications": ("rollout",),
    "repairs": ("rollout",),
    "autoscale": ("rollout",),
    "protection": ("rollout",),
    "image-versions": ("rollout", "resolve-image"),
    "govern": ("image-versions",),
}
"""What is needed beside a key that is no command of its own."""
PAIRED = {"switch", "blue-green"}
WHERE = {False: ["-g", "canary-rg", "-n", "web"], True: ["-g", "canary-rg"]}


def used(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Run a command in all its forms with its role, and return the actions that its requests named."""
    found = set()
    (tmp_path / "v1.sh").write_text("apt-get install -y nginx\n")
    monkeypatch.chdir(tmp_path)
    for scenario, line in RUNS[name]:
        needed = [name, *BESIDE.get(name, ())]
        allowed = Role.parse(json.dumps(role(needed, SCOPE)))
        with Emulator(replace(scenario, role=allowed), data_plane=False, time_scale=1000) as emulator:
            for key, value in emulator.environment.items():
                monkeypatch.setenv(key, value)
            if name == "update-instances":
                _change_model(emulator)
            if name == "govern":
                monkeypatch.setattr(watch, "LONGEST", 0.1)
                _await_upgrade(emulator)
            if name == "autoscale":
                _scale_by_rules(emulator)
            if name == "repairs":
                _change(emulator, {"automaticRepairsPolicy": {"enabled": True}})
            words = shlex.split(line.replace("NEW", emulator.scenario.image_id("nginx-updated-image")))
            done = CliRunner().invoke(cli.cli, [*words, *WHERE[name in PAIRED]], standalone_mode=False)
            refused = [call for call in emulator.calls if call["status"] == 403]
            assert not refused, (line, done.output)
            found |= {resolve(call["method"], call["path"], "")[0].action for call in emulator.calls}
    return found


def _await_upgrade(emulator: Emulator) -> None:
    """Publish a newer version, and wait until Azure begins to upgrade the set."""
    emulator.inject("publish image=apps/nginx/1.0.1")
    connection = Connection(emulator.subscription_id, endpoint=emulator.endpoint)
    with closing(connection.connect(lambda _: None).scale_sets()) as sets:
        AzureOsUpgrades(sets, ScaleSetName("canary-rg", "web")).upgrade()  # the fault strikes at a request
    backend = emulator.backend
    while backend.scale_set("canary-rg", "web").rolling is None:  # more requests would empty the bucket of the set
        with backend.lock:
            backend.advance()
    emulator.backend.calls.clear()


def _change_model(emulator: Emulator) -> None:
    reference = emulator.scenario.reference("nginx-updated-image")
    _change(emulator, {"virtualMachineProfile": {"storageProfile": {"imageReference": reference}}})


def _change(emulator: Emulator, properties: dict[str, Any]) -> None:
    with emulator.backend.lock:
        found = emulator.backend.scale_set("canary-rg", "web")
        scale_sets.change(emulator.backend, found, {"properties": properties}, lambda _: None)


def _scale_by_rules(emulator: Emulator) -> None:
    target = f"{SCOPE}/resourceGroups/canary-rg/providers/Microsoft.Compute/virtualMachineScaleSets/web"
    profile = {"name": "default", "capacity": {"minimum": "1", "default": "2", "maximum": "5"}, "rules": []}
    properties = {"targetResourceUri": target, "enabled": True, "profiles": [profile]}
    setting = AutoscaleSetting("by-cpu", "canary-rg", {"location": "westeurope", "properties": properties})
    emulator.backend.autoscale["canary-rg", "by-cpu"] = setting


@pytest.mark.parametrize("name", list(USED))
def test_a_command_uses_exactly_what_its_role_allows(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {action.lower() for action in used(name, tmp_path, monkeypatch)}
    for beside in BESIDE.get(name, ()):
        found -= {action.lower() for action in USED[beside]}
    assert found == {action.lower() for action in USED[name]}


def test_a_role_has_the_format_of_az_and_no_wildcard() -> None:
    made = role(["update", "verify"], SCOPE)
    assert made["AssignableScopes"] == [SCOPE]
    assert {*USED["update"], *USED["verify"], *LINKED["update"]} == set(made["Actions"])
    assert not any("*" in action for action in made["Actions"])


@pytest.mark.parametrize(("commands", "scope"), [([], SCOPE), (["nothing"], SCOPE), (["update"], "somewhere")])
def test_an_unknown_command_or_scope_is_refused(commands: list[str], scope: str) -> None:
    with pytest.raises(ConfigError, match="found"):
        role(commands, scope)


def test_the_emulator_refuses_actions_outside_the_role_as_arm_does(monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = Role.parse(json.dumps(role(["status"], SCOPE)))
    with Emulator(replace(UNIFORM, role=allowed), data_plane=False) as emulator:
        for key, value in emulator.environment.items():
            monkeypatch.setenv(key, value)
        image = emulator.scenario.image_id("nginx-updated-image")
        words = ["update", "-g", "canary-rg", "-n", "web", "--image-id", image]
        done = CliRunner().invoke(cli.cli, words, standalone_mode=False)
    assert "AuthorizationFailed" in str(done.exception)
    assert "'Microsoft.Compute/virtualMachineScaleSets/write'" in str(done.exception)


@pytest.mark.parametrize(
    ("text", "action", "allowed"),
    [
        ('{"Actions": ["Microsoft.Compute/*/read"]}', "microsoft.compute/virtualMachineScaleSets/read", True),
        ('{"Actions": ["*"], "NotActions": ["*/write"]}', "Microsoft.Compute/images/write", False),
        ('{"properties": {"permissions": [{"actions": ["*/read"], "notActions": []}]}}', "A/read", True),
        ('{"Actions": []}', "A/read", False),
    ],
)
def test_a_role_definition_is_read_as_azure_reads_it(text: str, action: str, allowed: bool) -> None:
    assert Role.parse(text).allows(action) is allowed


@pytest.mark.parametrize("text", ["[]", "{}", '{"Actions": "x"}', '{"Actions": [1]}', "no"])
def test_an_invalid_role_definition_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"role definition|Expecting value"):
        Role.parse(text)


def test_the_command_prints_the_role(monkeypatch: pytest.MonkeyPatch) -> None:
    done: Any = CliRunner().invoke(cli.cli, ["azure-role", "--for", "update, verify", "--scope", SCOPE])
    assert json.loads(done.output) == role(["update", "verify"], SCOPE)


def test_the_page_has_the_same_table() -> None:
    assert table() in (Path(__file__).parents[2] / "docs" / "azure-role.md").read_text()
