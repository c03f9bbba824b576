"""What the dry run of a switch prints."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.blue_green.test_switch_plan import BLUE_POOL, GREEN_POOL, LIVE, ORDER, OTHER, TO, balancer, rule
from vmss_jenkins.blue_green.plan.preview import SwitchPreview, preview
from vmss_jenkins.blue_green.plan.switch import Side, SwitchOrder, plan_switch
from vmss_jenkins.model.findings import Finding, Severity

NOTE = Finding(Severity.NOTE, "a note")


def previewed(
    order: SwitchOrder = ORDER,
    serves: str = BLUE_POOL,
    to: Side = TO,
    check: tuple[str, ...] = (),
    watch: tuple[str, ...] = (),
    findings: tuple[Finding, ...] = (),
) -> SwitchPreview:
    return preview(order, plan_switch(order, balancer(rule("live", serves)), to, OTHER), check, watch, findings)


def test_it_tells_the_steps_in_their_order() -> None:
    made = previewed(
        replace(ORDER, test_port=8081), check=("http path=/up", "x"), watch=("instance-health", "y"), findings=(NOTE,)
    )
    assert list(made.lines()) == [
        "would open port 8081 to greenPool for the check",
        "would check green first: http path=/up; x",
        "would point rule live from bluePool (blue, 2 of 2 healthy) to greenPool (green, 2 of 2 healthy)",
        "would watch then, and switch back on a failure: instance-health; y",
        "note: a note",
    ]
    assert list(previewed().lines()) == [
        "would point rule live from bluePool (blue, 2 of 2 healthy) to greenPool (green, 2 of 2 healthy)"
    ]


def test_it_says_that_nothing_would_change() -> None:
    assert list(previewed(serves=GREEN_POOL, check=("http path=/up",), findings=(NOTE,)).lines()) == [
        "rule live sends traffic to greenPool (green, 2 of 2 healthy) already: nothing would change",
        "note: a note",
    ]


def test_what_prevents_it_is_told_with_the_option_that_allows_it() -> None:
    small = previewed(to=replace(TO, healthy=1))
    assert list(small.lines())[1:] == [
        (
            "unsafe: green has 1 healthy instance(s), and blue serves with 2: it may be too small for the traffic. "
            "Allowed by --allow-fewer."
        )
    ]
    nowhere = previewed(replace(ORDER, rule="live"), to=replace(TO, pools=()))
    assert list(nowhere.lines()) == ["impossible: green is in no backend pool of a load balancer"]
    unknown = previewed(replace(ORDER, rule="x"))
    assert list(unknown.lines()) == ["impossible: there is no rule 'x'; there are: live"]


@pytest.mark.parametrize(
    ("severity", "refused"),
    [(Severity.IMPOSSIBLE, True), (Severity.UNSAFE, True), (Severity.WARNING, False), (Severity.NOTE, False)],
)
def test_what_refuses_a_switch(severity: Severity, refused: bool) -> None:
    assert previewed(findings=(Finding(severity, "x"), NOTE)).refused is refused
    assert LIVE["name"] == previewed().rule
