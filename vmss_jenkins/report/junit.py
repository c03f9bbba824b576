"""The verdicts of gates and the end of a rollout as JUnit XML, for Jenkins' test results: each is a test case."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from xml.etree import ElementTree as ET

from vmss_jenkins.jenkins.plan.handoff import GateEvidence
from vmss_jenkins.model.final_state import FinalState
from vmss_jenkins.report.story import Ending, Story
from vmss_jenkins.rollout.plan.rollback import REQUESTED

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ROLLOUT = "rollout"
"""The name of the test case that says how the rollout ended."""
_BAD = frozenset({Ending.ROLLED_BACK, Ending.HALTED, Ending.REJECTED, Ending.NOT_SWITCHED, Ending.SWITCHED_BACK})
"""These are failures; other ends without the release are errors."""
_GOOD = frozenset(one.value for one in Ending if one.is_good)


def document(suite: str, results: Sequence[GateEvidence]) -> str:
    """Write results as test cases: failed is a failure, what is neither passed nor failed is an error.

    Args:
        suite: the name of the test suite: the scale set or the rule that was checked.
        results: the verdict of each gate, and how the rollout ended; characters that XML cannot hold become `?`.
    """
    failures = sum(one.verdict == "failed" for one in results)
    errors = sum(one.verdict not in {"passed", "failed"} for one in results)
    counts = {"tests": len(results), "failures": failures, "errors": errors}
    root = ET.Element("testsuite", {"name": _text(suite), **{key: str(n) for key, n in counts.items()}})
    for one in results:
        _add(root, suite, one)
    ET.indent(root)
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{ET.tostring(root, encoding='unicode')}\n"


def of_rollout(story: Story) -> str:
    """Write the gates of a rollout and how it ended."""
    return document(str(story.planned.scale_set), (*evidence(story), ending(story)))


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


def ending(story: Story) -> GateEvidence:
    """Return how a rollout ended, with its reason and the count of the instances at the end."""
    verdict = "passed" if story.is_good else "failed" if story.ending in _BAD else "error"
    return _ended(verdict, story.ending.value, story.cause, story.final)


def ending_in(result: object) -> tuple[GateEvidence, ...]:
    """Return how a rollout ended, from the JSON of its result; nothing from other JSON, such as that of `verify`."""
    if not isinstance(result, Mapping) or "rolled_back" not in result:
        return ()
    outcome, why, final = str(result.get("outcome")), result.get("reason"), None
    with suppress(AttributeError, KeyError, TypeError):  # without a count in a result that another program wrote
        found = result["final"]
        final = FinalState(
            tuple(found["have_it"]), dict(found["left_out"]), dict(found["others"]), tuple(found["gone"])
        )
    good = outcome in _GOOD or (outcome == Ending.ROLLED_BACK.value and why == REQUESTED)
    return (_ended("passed" if good else "failed", outcome, why, final),)


def _ended(verdict: str, how: str, why: object, final: FinalState | None) -> GateEvidence:
    count = f"at the end: {final}" if final else ""
    if verdict == "passed":
        return GateEvidence(_ROLLOUT, verdict, "", "; ".join(filter(None, [how, count])))
    return GateEvidence(_ROLLOUT, verdict, f"{how}{f': {why}' if why else ''}", count)


def _add(root: ET.Element, suite: str, one: GateEvidence) -> None:
    case = ET.SubElement(root, "testcase", {"classname": _text(suite), "name": _text(one.gate)})
    if one.verdict != "passed":
        tag = "failure" if one.verdict == "failed" else "error"
        ET.SubElement(case, tag, {"message": _text(f"{one.verdict}: {one.detail}")})
    if one.figures:
        ET.SubElement(case, "system-out").text = _text(one.figures)


def _text(value: str) -> str:
    return _NOT_XML.sub("?", value)
