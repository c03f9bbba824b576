"""The time with which an emulator continues after a restart."""

import json
from pathlib import Path

import requests

from vmss_jenkins.emulator import Emulator

AWAY, SCALE = 3600.0, 10.0
SLACK = 600.0
"""Emulated seconds that a slow machine may take: a minute of its own."""


def test_the_emulated_time_continues_at_its_speed_while_no_emulator_runs(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with Emulator(state=state, data_plane=False, time_scale=SCALE) as emulator:
        group = f"{emulator.endpoint}/subscriptions/{emulator.subscription_id}/resourceGroups/new-rg"
        body = {"location": "westeurope"}
        assert requests.put(group, json=body, params={"api-version": "2024-07-01"}, timeout=10).status_code == 201
    *lines, line = state.read_text().splitlines()
    last = json.loads(line)
    state.write_text("\n".join([*lines, json.dumps(last | {"wall": last["wall"] - AWAY})]) + "\n")
    with Emulator(state=state, data_plane=False, time_scale=SCALE) as emulator:
        emulator.backend.advance()
        assert 0 <= emulator.backend.now - last["time"] - AWAY * SCALE < SLACK
