"""What the gates said, as the hand-off record has it."""

from __future__ import annotations

import pytest

from vmss_jenkins.jenkins.plan.handoff import LONGEST_DETAIL, GateEvidence, evidence_in

MEASURED = {"what": "good", "value": 1, "unit": "%", "samples": 3}
LIMIT = {"limit": 99, "at_least": True}
GATE = {"gate": "http", "outcome": "passed"}
STAGE = {"stage": "canary", "consequence": "go on"}


def figures(*measurements: object) -> str:
    (found,) = evidence_in({**GATE, "measurements": list(measurements)})
    return found.figures


@pytest.mark.parametrize(
    ("result", "found"),
    [
        (GATE, [GateEvidence("http", "passed")]),
        ({**GATE, "reason": None}, [GateEvidence("http", "passed")]),
        ({**GATE, "reason": "x" * 600}, [GateEvidence("http", "passed", "x" * LONGEST_DETAIL)]),
        ({**GATE, "measurements": "none"}, [GateEvidence("http", "passed")]),
        (STAGE, [GateEvidence("gates after the canary", "passed")]),
        ({**STAGE, "reason": "3 of 9"}, [GateEvidence("gates after the canary", "passed", "3 of 9")]),
        ({**STAGE, "consequence": "fail"}, [GateEvidence("gates after the canary", "failed")]),
        ({**STAGE, "consequence": "halt"}, [GateEvidence("gates after the canary", "inconclusive")]),
        ({**STAGE, "consequence": "?"}, [GateEvidence("gates after the canary", "error")]),
        ({**STAGE, "verdicts": [GATE]}, [GateEvidence("http", "passed")]),
        ({"gates": [STAGE, {"inner": GATE}]},
         [GateEvidence("gates after the canary", "passed"), GateEvidence("http", "passed")]),
        ({"gate": "http", "stage": "canary"}, []),
        ({"outcome": "passed", "consequence": "go on"}, []),
        ("text", []),
        (None, []),
    ],
)  # fmt: skip
def test_evidence_is_each_gate_or_where_no_gate_is_told_the_stage(result: object, found: list[GateEvidence]) -> None:
    assert list(evidence_in(result)) == found


def test_each_measurement_is_a_line_of_the_figures() -> None:
    assert figures(
        MEASURED,
        {**MEASURED, "threshold": LIMIT, "instance_id": "7"},
        {**MEASURED, "threshold": {"limit": 2}},
    ).splitlines() == [
        "good: 1% of 3 samples",
        "good (instance 7): 1% of 3 samples, wanted at least 99%",
        "good: 1% of 3 samples, wanted at most 2%",
    ]


@pytest.mark.parametrize(
    "other",
    [
        "text",
        {},
        {**MEASURED, "value": "much"},
        {**MEASURED, "value": None},
        {**MEASURED, "threshold": {"limit": None}},
    ],
)
def test_what_is_no_measurement_is_left_out(other: object) -> None:
    assert figures(other, MEASURED) == "good: 1% of 3 samples"
