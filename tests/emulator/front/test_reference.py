from pathlib import Path

import pytest

from vmss_jenkins.emulator.front.reference import COMMAND, page
from vmss_jenkins.emulator.front.routes import ROUTES

PAGE = Path(__file__).parents[3] / "docs" / "emulator-reference.md"


def test_the_page_is_up_to_date_with_the_routes() -> None:
    if PAGE.read_text() != page():
        pytest.fail(f"docs/emulator-reference.md is not what the routes say any more; run: make docs (or {COMMAND})")


def test_every_route_is_a_row_with_a_description() -> None:
    rows = [line for line in page().partition("## Left out")[0].splitlines() if line.startswith(("| GET", "| HEAD"))]
    assert len(rows) == sum(route.method in ("GET", "HEAD") for route in ROUTES)
    for line in page().splitlines():
        assert not line.startswith("| ") or all(cell.strip() for cell in line.split("|")[1:3]), line


@pytest.mark.parametrize(
    ("path", "options"),
    [
        ("virtualMachineScaleSets/{set}/virtualMachines`", "`$expand`, `$filter`, `$select`, `$skiptoken`"),
        ("virtualMachineScaleSets/{set}/virtualMachines/{instance}`", "`$expand`"),
        ("images`", "`$skiptoken`"),
    ],
)
def test_query_options_are_those_that_the_code_reads(path: str, options: str) -> None:
    row = next(line for line in page().splitlines() if line.startswith(f"| GET | `Microsoft.Compute/{path}"))
    assert row.endswith(f"| {options} |")


def test_requests_that_the_page_calls_left_out_are_not_served() -> None:
    left_out = page().partition("## Left out")[2]
    assert "simulateEviction" in left_out or any("simulateEviction" in route.template for route in ROUTES)
    for route in ROUTES:
        assert f"| {route.method} `{route.template}`" not in left_out
