"""A set that `az` makes of a definition, and the commands of its nightly job: the real `az` publishes the versions."""

from __future__ import annotations

import shlex
import sys
from collections import Counter

from tests.conformance.conftest import Az
from tests.conformance.test_az_galleries import EXACT, GROUP, KIND

NIGHTLY = f"{GROUP} --gallery-name nightly --gallery-image-definition web"
SET = f"{GROUP} --name nightly"
RELEASE = "release.json"
FLOATS = f"--release-file {RELEASE} --moving-image float --max-unavailable 1"


def command(az: Az, text: str, exits: int = 0) -> str:
    """Run a command of vmss-jenkins; return all that it prints."""
    done = az.shell(f"{shlex.quote(sys.executable)} -m vmss_jenkins {text}", check=False)
    printed = f"{done.stdout}{done.stderr}"
    assert done.returncode == exits, printed
    return printed


def versions(az: Az) -> Counter[str]:
    """How many instances run each version, as `az` shows it."""
    return Counter(az(f"vmss list-instances {SET} {EXACT}").split())


def changes(az: Az) -> int:
    """How often the set or an instance of it was asked to change."""
    return sum(one["method"] != "GET" and "/virtualMachineScaleSets/" in one["path"] for one in az.emulator.calls)


def test_a_nightly_job_follows_the_versions_that_az_publishes(az_alone: Az) -> None:
    az = az_alone
    az(f"sig create {GROUP} --gallery-name nightly --output none")
    named = az(f"sig image-definition create {NIGHTLY} {KIND} --sku s --query id --output tsv")
    published = "sig image-version create {} --gallery-image-version {} --managed-image {} --output none"
    for version in ("1.0.0", "1.0.1"):
        az(published.format(NIGHTLY, version, "nginx-base-image"))
    made = f"--image {named} --vm-sku Standard_D2s_v3 --instance-count 3 --admin-username u --generate-ssh-keys"
    az(f"vmss create {SET} {made} --orchestration-mode Uniform --only-show-errors --output none")
    assert versions(az) == {"1.0.1": 3}

    look = f"resolve-image {SET} --image-id {named} --moving-image float --release-file {RELEASE} --check"
    before = changes(az)
    for _ in ("first", "second"):
        assert "web means web/1.0.1 now: 3 of 3 instances have it, 0 can get it" in command(az, look)
    assert changes(az) == before

    az(published.format(NIGHTLY, "1.0.2", "nginx-updated-image"))
    assert "web means web/1.0.2 now: 0 of 3 instances have it, 3 can get it" in command(az, look, exits=4)
    assert "rolled out: web/1.0.2, 3 instances updated" in command(az, f"rollout {SET} {FLOATS} --canary 1")
    assert versions(az) == {"1.0.2": 3}
    assert "3 of 3 instances have it" in command(az, look)

    az(published.format(NIGHTLY, "1.0.3", "nginx-base-image"))
    command(az, look, exits=4)
    fourth = shlex.quote(f"az {published.format(NIGHTLY, '1.0.4', 'nginx-updated-image')}")
    gate = shlex.quote(f"command run={fourth}")
    halted = command(az, f"rollout {SET} {FLOATS} --canary 1 --gate {gate}", exits=1)
    assert "web/1.0.4 was published while web/1.0.3 was rolled out" in halted
    assert versions(az) == {"1.0.2": 2, "1.0.3": 1}

    back = command(az, f"rollback {SET}")
    assert "the release before web/1.0.3 was web/1.0.2" in back
    assert "rolled back: web/1.0.2, 1 instance updated; all 3 instances have it" in back
    assert versions(az) == {"1.0.2": 3}
    assert "no instance had to change" in command(az, f"rollback {SET}")
    assert versions(az) == {"1.0.2": 3}
