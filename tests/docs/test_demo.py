"""The demo's last words, and its client; the page docs/demo.md shows what it prints and leaves behind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from vmss_jenkins import demo


def test_a_reader_is_shown_paths_as_they_are_typed_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    steps = [step for step, _ in demo.next_steps(Path("demo-report"))]
    assert steps[0] == ". .venv/bin/activate"
    assert steps[-1] == "demo-report/index.html"


def test_without_an_environment_there_is_nothing_to_activate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert not any("activate" in step for step, _ in demo.next_steps(Path("demo-report")))


def test_a_client_tries_a_refused_connection_once_more_and_counts_what_fails() -> None:
    client = demo.Client("http://127.0.0.1:9")
    assert client.visit().startswith("no page")
    assert (client.refused, client.failed) == (1, 1)
