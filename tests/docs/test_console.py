"""Every command line of the pages runs, in its order, and prints what its page shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.docs.console import typed, wrong
from tests.docs.masking import differences, renewed
from tests.docs.pages import ROOT, Step, steps, typed_pages
from tests.docs.session import reading

HINT = "if the new output is right, put the pages right: make console"
NEEDS = {"migration.md": "groovy"}
"""Pages that need a program which not every machine has."""


@pytest.mark.parametrize("page", typed_pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_shows_what_its_command_lines_print(page: Path, tmp_path: Path) -> None:
    if shutil.which(NEEDS.get(page.name, "sh")) is None:
        pytest.skip(f"{NEEDS[page.name]} is not installed")
    found = [f"{step.command}\n{text}" for step, printed in typed(page, tmp_path) if (text := wrong(step, printed))]
    assert found == [], "\n\n".join([*found, HINT])


def test_times_ids_and_ports_may_differ() -> None:
    shown = "updating 2 (request id 3405095c-8a50-46c1-ac18-8efbd080e66e) at 127.0.0.1:80 in 2.3 s"
    printed = "updating 2 (request id 11111111-8a50-46c1-ac18-8efbd080e66e) at 127.0.0.1:81 in 1.0 s"
    assert differences([shown], [printed]) == ""


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (["2 instances updated"], ["3 instances updated"]),
        (["rolled out"], ["rolled out", "and more"]),
        (["rolled out", "and more"], ["rolled out"]),
        (["one", "two"], ["two", "one"]),
        (["...", "end"], ["begin", "end", "more"]),
    ],
)
def test_anything_else_may_not(shown: list[str], printed: list[str]) -> None:
    assert differences(shown, printed) != ""


def test_dots_stand_for_any_lines_and_none() -> None:
    assert differences(["a", "...", "b"], ["a", "x", "y", "b"]) == ""
    assert differences(["a", "...", "b"], ["a", "b"]) == ""
    assert differences(["b", "a"], ["a", "b"], ordered=False) == ""


def test_lines_that_depend_on_the_machines_speed_may_come_or_not() -> None:
    assert differences(["waiting: not healthy yet: 0", "done"], ["done"]) == ""


def test_instances_that_were_begun_together_may_end_in_any_order() -> None:
    first, second = "instance 1 is done after 2.0 s", "instance 5 is done after 2.1 s"
    assert differences([first, second, "end"], [second, first, "end"]) == ""
    assert differences([first, "gate", second], [second, "gate", first]) != ""


def test_a_renewed_part_of_an_output_is_still_a_part_of_it() -> None:
    assert renewed(["begun", "...", "rolled out: 3 updated"], ["begun", "x", "y", "rolled out: 4 updated"]) == [
        "begun",
        "...",
        "rolled out: 4 updated",
    ]
    assert renewed(["old"], ["new 1", "new 2  "]) == ["new 1", "new 2"]


def test_steps_are_command_lines_with_what_follows_them(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n```console\n$ one \\\n    --two\nthree\n$ four\n```\n\n```sh\nfive\n```\n")
    assert list(steps(page)) == [Step("one \\\n    --two", ("three",), 5), Step("four", (), 7)]


def test_a_block_without_a_prompt_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\nfour\n```\n")
    with pytest.raises(ValueError, match="a console block begins with a prompt, not with 'four'"):
        list(steps(page))


def test_a_reader_types_into_one_shell_and_sees_exit_codes(tmp_path: Path) -> None:
    with reading(tmp_path) as reader:
        assert reader.type("name=value; echo out; echo err >&2") == (["out", "err"], 0)
        assert reader.type('echo "$name" | cat; false') == (["value"], 1)
        assert reader.type("echo $?") == (["1"], 0)
        assert reader.type("printf unended") == (["unended"], 0)


def test_a_command_that_fails_is_shown_with_its_exit_code_or_not_at_all(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ false\n$ echo $?\n1\n```\n")
    assert [printed for _, printed in typed(page, tmp_path / "a")] == [[], ["1"]]
    page.write_text("```console\n$ echo no; false\n```\n")
    with pytest.raises(AssertionError, match=r"page\.md: exit code 1 of\necho no; false\nno"):
        list(typed(page, tmp_path / "b"))
