"""`kill -9` of the command itself: the same command takes over at once on the same machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping

import pytest

from vmss_jenkins.emulator import Emulator, Scenario
from vmss_jenkins.runtime.processes import PROC

ROLLOUT = [sys.executable, "-m", "vmss_jenkins", "rollout", "-g", "canary-rg", "-n", "web", "--image-id"]


def _environment(emulator: Emulator) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "JOB_", "BUILD_"))}
    variables = {"VMSS_JENKINS_ENDPOINT": emulator.endpoint, "AZURE_SUBSCRIPTION_ID": emulator.subscription_id}
    return {**kept, **variables}


@pytest.mark.skipif(not (PROC / "self/stat").exists(), reason="only Linux shows a process's start in /proc")
def test_after_kill_9_the_same_command_takes_over_at_once() -> None:
    with Emulator(Scenario(instances=3), time_scale=20.0, data_plane=False) as emulator:
        command = [*ROLLOUT, emulator.scenario.image_id("nginx-updated-image")]
        environment = _environment(emulator)
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
            while not any("/manualupgrade" in call["path"] for call in emulator.calls):
                assert first.poll() is None
            first.kill()
        began = time.monotonic()
        second = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=110, check=False)
        assert second.returncode == 0, second.stderr
        text = second.stdout + second.stderr
        assert "an earlier run was killed on this machine, and its lock is taken over at once" in text
        assert "waiting at most" not in text
        assert time.monotonic() - began < 100, "the lock of the killed run would expire after 120 s"
