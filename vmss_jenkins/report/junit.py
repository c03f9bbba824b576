"""The verdicts of gates as JUnit XML, for Jenkins' test results: each gate is a test case."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from vmss_jenkins.jenkins.plan.handoff import GateEvidence
from vmss_jenkins.report.story import Story

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def document(suite: str, gates: Sequence[GateEvidence]) -> str:
    """Write the verdicts of gates: failed is a failure, inconclusive and error are errors.

    Args:
        suite: the name of the test suite: the scale set or the rule that was checked.
        gates: the verdict of each gate; characters that XML cannot hold become `?`.
    """
    cases = [_case(suite, gate) for gate in gates]
    failures = sum(gate.verdict == "failed" for gate in gates)
    errors = sum(gate.verdict not in {"passed", "failed"} for gate in gates)
    head = f'<testsuite name={_attribute(suite)} tests="{len(cases)}" failures="{failures}" errors="{errors}">'
    return "\n".join(["<?xml version='1.0' encoding='UTF-8'?>", head, *cases, "</testsuite>", ""])


def evidence(story: Story) -> tuple[GateEvidence, ...]:
    """Return the verdict of each gate of a rollout, in the order of the measurements."""
    return tuple(
        GateEvidence(
            f"{run.gate} ({run.stage} {', '.join(run.instance_ids)})",
            run.verdict.outcome.value,
            run.verdict.reason,
            "\n".join(map(str, run.verdict.measurements)),
        )
        for run in story.gates
        if run.verdict
    )


def _case(suite: str, gate: GateEvidence) -> str:
    opening = f"  <testcase classname={_attribute(suite)} name={_attribute(gate.gate)}"
    figures = f"<system-out>{escape(_NOT_XML.sub('?', gate.figures))}</system-out>" if gate.figures else ""
    if gate.verdict == "passed":
        return f"{opening}>{figures}</testcase>" if figures else f"{opening}/>"
    tag = "failure" if gate.verdict == "failed" else "error"
    message = _attribute(f"{gate.verdict}: {gate.detail}")
    return f"{opening}><{tag} message={message}/>{figures}</testcase>"


def _attribute(value: str) -> str:
    return quoteattr(_NOT_XML.sub("?", value))
