"""What gates said, as test results."""

import json
from pathlib import Path

import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st

from vmss_jenkins.__main__ import main
from vmss_jenkins.jenkins.plan.handoff import GateEvidence, evidence_in
from vmss_jenkins.report import junit

Output = pytest.CaptureFixture[str]
GATES = (
    GateEvidence("instance-health", "passed", "all healthy"),
    GateEvidence("http", "failed", "3 of 50 good & <slow>"),
    GateEvidence("compare", "inconclusive", "too few"),
)


def test_a_gate_is_a_test_case() -> None:
    root = ElementTree.fromstring(junit.document("web", GATES))
    assert dict(root.attrib) == {"name": "web", "tests": "3", "failures": "1", "errors": "1"}
    passed, failed, inconclusive = root
    assert list(passed) == []
    assert [(one.tag, one.attrib["message"]) for one in failed] == [("failure", "failed: 3 of 50 good & <slow>")]
    assert [(one.tag, one.attrib["message"]) for one in inconclusive] == [("error", "inconclusive: too few")]


@given(st.text(), st.text())
def test_any_text_can_be_reported(gate: str, detail: str) -> None:
    (case,) = ElementTree.fromstring(junit.document(gate, [GateEvidence(gate, "failed", detail)]))
    printable = gate.isprintable() and "\ufffe" not in gate
    assert not printable or case.attrib["name"] == gate


def test_the_result_of_a_rollout_becomes_test_results(tmp_path: Path) -> None:
    verdicts = [{"gate": one.gate, "outcome": one.verdict, "reason": one.detail} for one in GATES]
    (tmp_path / "verify.json").write_text(json.dumps({"outcome": "halted", "gates": [{"verdicts": verdicts}]}))
    out = tmp_path / "gates.xml"
    assert main(["junit", str(tmp_path / "verify.json"), "--out", str(out), "--suite", "web"]) == 0
    assert out.read_text() == junit.document("web", GATES)


def test_a_rollout_s_result_tells_by_stage() -> None:
    result = {"gates": [{"stage": "canary", "consequence": "go on"}, {"stage": "batch", "consequence": "halt"}]}
    assert [(one.gate, one.verdict) for one in evidence_in(result)] == [
        ("gates after the canary", "passed"),
        ("gates after the batch", "inconclusive"),
    ]


def test_what_is_no_result_is_told(tmp_path: Path, capsys: Output) -> None:
    (tmp_path / "verify.json").write_text("half of i")
    assert main(["junit", str(tmp_path / "verify.json"), "--out", str(tmp_path / "gates.xml")]) == 2
    assert "is not JSON" in capsys.readouterr().err
