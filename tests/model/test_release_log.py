"""The log of a set: what is kept, what is dropped, and where a rollback goes."""

from __future__ import annotations

import base64
import json
import zlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.release_log import (
    BEGUN,
    FULLY_OUT,
    KEPT,
    LONGEST_BUILD,
    LONGEST_NAME,
    LONGEST_RELEASE,
    MOST_PARTS,
    PART,
    REFUSED,
    ROLLED_BACK,
    Record,
    added,
    explained,
    image_of,
    pack,
    recorded_target,
    release_before,
    rolled_back,
    text_of,
    unpack,
)
from vmss_jenkins.model.releases import ExtensionSettings

A, B, C, D = (ImageReference(publisher="acme", offer="web", sku="1", version=f"1.0.{n}") for n in range(4))
MOVES = ImageReference(publisher="acme", offer="web", sku="1", version="latest")
VERSION = (
    "/subscriptions/5ca1e5e7-0000-4000-8000-000000000001/resourceGroups/images-of-production/providers/"
    "Microsoft.Compute/galleries/production_images/images/web-server/versions/2026.11.%d"
)
AT = 1_795_000_000.0
SCRIPT = ExtensionSettings.of({"commandToExecute": "bash v1.sh"}, name="app")


def record(
    to: ImageReference, before: ImageReference | None, outcome: str = FULLY_OUT, *, back: bool = False, run: str = "1"
) -> Record:
    return Record(run, AT, outcome, str(to), text_of(before), "ada", "https://ci/job/web/7/", back=back)


texts = st.text(max_size=LONGEST_RELEASE)
records = st.builds(
    Record,
    run=st.text("0123456789abcdef", min_size=8, max_size=8),
    at=st.integers(0, 4_000_000_000).map(float),
    outcome=st.sampled_from([BEGUN, FULLY_OUT, ROLLED_BACK, "halted", "rolled out to the canary"]),
    release=texts,
    before=texts,
    by=st.text(max_size=LONGEST_NAME),
    build=st.text(max_size=LONGEST_BUILD),
    extension=st.sampled_from(["", "app"]),
    back=st.booleans(),
)


@given(st.lists(records, max_size=KEPT), st.integers(0, MOST_PARTS))
def test_what_fits_is_read_as_it_was_written_and_the_oldest_are_dropped(log: list[Record], room: int) -> None:
    parts, dropped = pack(log, room)
    assert len(parts) <= room
    assert all(0 < len(part) <= PART for part in parts)
    assert unpack("".join(parts)) == tuple(log[: len(log) - dropped])
    if 0 < dropped < len(log):
        assert pack(log[: len(log) - dropped + 1], room)[1] == 1, "no more is dropped than must be"


@given(st.lists(records, max_size=KEPT, unique_by=lambda one: one.run), records)
def test_a_record_goes_first_and_replaces_the_one_of_its_run(log: list[Record], new: Record) -> None:
    found = added(log, new)
    assert found[0] == new
    assert [one.run for one in found].count(new.run) == 1
    assert len(found) <= KEPT
    assert list(found[1:]) == [one for one in log if one.run != new.run][: KEPT - 1]


def test_ten_releases_of_a_gallery_fit_into_the_tags_of_a_set() -> None:
    log = [
        Record(
            f"{number * 7919:08x}", AT + 86_400 * number + 37 * number, FULLY_OUT, VERSION % (number + 1),
            VERSION % number, "Ada Lovelace", f"https://jenkins.example.com/job/deploy/job/web-full/{number + 310}/",
        )
        for number in range(KEPT)
    ]  # fmt: skip
    parts, dropped = pack(log)
    assert (len(parts) <= 4, dropped) == (True, 0)


@pytest.mark.parametrize("longer", ["", "xyz.", "."])
def test_a_part_that_is_left_of_a_longer_log_does_no_harm(longer: str) -> None:
    parts, _ = pack([record(B, A)])
    assert unpack("".join((*parts, longer))) == (record(B, A),)


def _packed(value: object) -> str:
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(value).encode())).decode() + "."


ONE = pack([record(B, A)])[0][0]


@pytest.mark.parametrize(
    "text",
    [
        "", ".", "at=7 outcome=rolled out", "####.", ONE[:-1], f"{ONE[:40]}.",
        _packed(7), _packed({}), _packed([7]), _packed([["run", 7]]), _packed([[*"abcdefghi"]]),
        _packed([["1", 7, 7, "", "", "", "", "", 0]]), _packed([["1", 1e300, "", "", "", "", "", "", 0]]),
        _packed(["x" * 100_000]),
    ],
)  # fmt: skip
def test_a_text_of_another_kind_is_no_log(text: str) -> None:
    assert unpack(text) == ()


def test_a_release_is_kept_exactly_or_by_its_name() -> None:
    assert image_of(text_of(A)) == A
    assert ExtensionSettings.parse(text_of(SCRIPT)) == SCRIPT
    long = ExtensionSettings.of({"script": "x" * LONGEST_RELEASE}, name="app")
    assert text_of(long) == long.short_name
    assert text_of(None) == ""


@pytest.mark.parametrize("text", ["", "acme:web", "/subscriptions/none", "[1]"])
def test_a_text_that_names_no_image_sends_nobody_anywhere(text: str) -> None:
    assert image_of(text) is None
    assert recorded_target([replace(record(B, A), before=text)], B) is None


@pytest.mark.parametrize(
    ("log", "new", "model", "running", "found"),
    [
        ([], B, A, [A], A),
        ([], B, A, [], A),
        ([], B, MOVES, [], None),
        ([], B, MOVES, [MOVES], None),
        ([record(B, A)], B, MOVES, [], A),
        ([], B, B, [], None),
        ([], B, None, [], None),
        ([], C, B, [A, B], None),
        ([record(B, A)], B, B, [], A),
        ([record(B, A, "rolled out to the canary")], B, B, [A], A),
        ([record(B, A, "halted")], C, B, [A, B], A),
        ([record(B, A)], C, B, [A, B], B),
        ([record(C, A, "halted"), record(B, A, "halted")], C, C, [A, B], A),
        ([record(A, B, ROLLED_BACK, back=True)], C, A, [A, B], A),
        ([record(A, B, ROLLED_BACK, back=True)], C, A, [], A),
        ([record(C, B)], B, D, [D], D),
        ([record(B, A, "halted")], A, B, [B, C], None),
        ([replace(record(B, A), extension="app", release=str(SCRIPT))], B, B, [], None),
    ],
)  # fmt: skip
def test_the_release_before_a_new_one(
    log: list[Record], new: ImageReference, model: ImageReference | None, running: list[ImageReference],
    found: ImageReference | None,
) -> None:  # fmt: skip
    assert release_before(log, new, model, running) == found


@pytest.mark.parametrize(
    ("log", "model", "target"),
    [
        ([], B, None),
        ([record(B, A)], None, None),
        ([record(B, A)], B, A),
        ([record(B, A)], A, A),
        ([record(B, A)], C, None),
        ([record(B, None)], B, None),
        ([record(B, A, "halted")], B, A),
        ([record(B, A, BEGUN)], B, A),
        ([record(A, B, ROLLED_BACK, back=True), record(B, A)], A, A),
        ([record(A, B, BEGUN, back=True), record(B, A)], B, A),
        ([record(A, B, "halted", back=True), record(B, A)], A, A),
        ([record(A, B, ROLLED_BACK, back=True), record(B, A)], C, None),
        ([record(C, B), record(B, A)], C, B),
        ([replace(record(C, B), extension="app"), record(B, A)], B, A),
    ],
)  # fmt: skip
def test_where_a_rollback_goes(log: list[Record], model: ImageReference | None, target: ImageReference | None) -> None:
    assert recorded_target(log, model) == target


NOT_KNOWN = "give --to IMAGE_ID"
TOLD = "2026-11-18T11:06:40Z by ada, https://ci/job/web/7/"


@pytest.mark.parametrize(
    ("log", "target", "text"),
    [
        ([], A, ""),
        ([record(B, A)], A, f"the release before {B} was {A} (rolled out {TOLD})"),
        (
            [record(A, B, "halted", back=True)], A,
            f"the rollback from {B} to {A} is unfinished (halted {TOLD})",
        ),
        (
            [record(B, C, ROLLED_BACK, back=True), record(C, B), record(B, A)], B,
            f"{C} was rolled back to {B} already (rolled back {TOLD}); to go further back, give --to {A}",
        ),
        (
            [record(A, None, ROLLED_BACK, back=True), record(B, A)], A,
            f"another release was rolled back to {A} already (rolled back {TOLD}); to go further back, {NOT_KNOWN}",
        ),
    ],
)  # fmt: skip
def test_a_rollback_says_why_it_goes_there(log: list[Record], target: ImageReference, text: str) -> None:
    assert explained(log, target) == text


def test_only_the_image_that_the_newest_run_rolled_back_counts_as_rolled_back() -> None:
    back = record(A, B, ROLLED_BACK, back=True)
    assert rolled_back([back], B) == back
    assert rolled_back([back], A) is None
    assert rolled_back([record(B, A)], A) is None
    assert rolled_back([record(C, A), back], B) is None
    assert rolled_back([], B) is None


@pytest.mark.parametrize(
    ("earlier", "left"),
    [
        ([record(B, A, "halted")], {B, C}),
        ([record(B, A, BEGUN), record(D, A, "rolled out to the canary")], {B, C, D}),
        ([record(B, A, "halted"), record(D, A), record(A, None, "halted")], {B, C}),
        ([record(B, A)], {C}),
        ([record(A, B, ROLLED_BACK, back=True), record(B, A, "halted")], {C}),
        ([record(D, C, REFUSED), record(B, A, "halted")], {B, C}),
        ([replace(record(D, A, "halted"), extension="app"), record(B, A, "halted")], {B, C}),
        ([record(A, None, "halted")], {C}),
    ],
)
def test_a_rollback_leaves_what_was_halted_before_it_too(earlier: list[Record], left: set[ImageReference]) -> None:
    """B was halted since C was published, and came to an instance; the rollback goes from both to A."""
    back = record(A, C, ROLLED_BACK, back=True)
    assert {one for one in (A, B, C, D) if rolled_back([back, *earlier], one) == back} == left


def test_a_run_that_azure_refused_is_looked_over() -> None:
    """Nothing changed in it: neither a rollback nor the release before depends on it."""
    refused = record(C, B, REFUSED)
    assert recorded_target([refused, record(B, A)], B) == A
    assert rolled_back([replace(refused, back=True), record(A, B, ROLLED_BACK, back=True)], B) is not None
    assert release_before([refused, record(B, A)], B, B, []) == A
