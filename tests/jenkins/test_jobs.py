"""The plan: from wanted and existing jobs to changes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from tests.support.jenkins_cases import POSTED, job
from vmss_jenkins.errors import ConfigError, UnsafeRollout
from vmss_jenkins.jenkins.plan.canonical_xml import Change, mark, marked_source
from vmss_jenkins.jenkins.plan.job_plan import Rules, ensure_safe, plan
from vmss_jenkins.jenkins.plan.jobs import (
    PIPELINE,
    Create,
    Delete,
    Disable,
    ExistingJob,
    JobPlan,
    JobSpec,
    Refused,
    Unchanged,
    Update,
    checked,
    marked,
)
from vmss_jenkins.report.text.job_plan import lines

FOLDER = ExistingJob("vmss", "com.cloudbees.hudson.plugins.folder.Folder", is_folder=True)


def existing(spec: JobSpec, **changes: Any) -> ExistingJob:
    facts: dict[str, Any] = {"kind": PIPELINE, "description": mark(spec.source), "config_xml": marked(spec).config_xml}
    return ExistingJob(spec.path, **{**facts, **changes})


def planned(
    specs: Sequence[JobSpec], items: Sequence[ExistingJob] = (), sources: Sequence[str] = (), **rules: Any
) -> JobPlan:
    return plan(checked(specs), {item.path: item for item in items}, Rules(**rules), sources)


def test_a_missing_job_is_created_after_its_folders_parents_first() -> None:
    found = planned([job("a/b/c"), job("a/d")])
    assert [type(each) for each in found.actions] == [Create, Create]
    assert found.pending == found.actions
    assert found.folders == ("a", "a/b")
    assert list(lines(found)) == ["create folder a", "create folder a/b", "create a/b/c", "create a/d"]


def test_a_job_as_wanted_is_unchanged() -> None:
    found = planned([job()], [FOLDER, existing(job())])
    assert found.actions == (Unchanged("vmss/web-canary"),)
    assert (found.pending, found.folders) == ((), ())
    assert list(lines(found)) == ["unchanged: 1"]


def test_jobs_that_are_gone_stay_unless_they_are_to_be_pruned() -> None:
    gone = existing(job("vmss/gone"), has_builds=False)
    stays, goes = (planned([job()], [FOLDER, existing(job()), gone], prune=prune) for prune in (False, True))
    assert (stays.actions[1:], stays.unpruned, stays.retired) == ((), ("vmss/gone",), ())
    assert (goes.actions[1:], goes.unpruned, goes.retired) == ((Delete("vmss/gone"),), (), ())


def test_a_job_whose_configuration_cannot_be_read_is_written_again() -> None:
    (update,) = planned([job()], [FOLDER, existing(job(), config_xml=None)]).actions
    assert isinstance(update, Update)
    error = "not the XML of a job: no element found: line 1, column 0"
    assert update.changes == (Change("type", error, "flow-definition"),)


def test_a_refusal_says_what_to_do() -> None:
    (other,) = planned([job()], [FOLDER, existing(job(source="other.yaml"))]).refused
    assert (other.reason, other.flag) == (
        (
            "found a job with that name, seeded from other.yaml; wanted a job of vmss.yaml: if both are the same file, "
            "take the job over with its builds, else choose another folder or job_name"
        ),
        "--adopt-from other.yaml",
    )
    (case,) = planned([job("Web")], [ExistingJob("web", PIPELINE)]).refused
    assert case.reason == (
        "found web at the root of the server; Jenkins refuses Web beside it there: keep the old name (job_name in "
        "vmss.yaml), or put the jobs into a folder (jenkins.folder)"
    )
    with pytest.raises(ConfigError, match=r"^jobs: job 'a\?\*': found '\*' '\?' in 'a\?\*'; wanted a name without it"):
        checked([job("a?*")])


def test_a_job_without_a_description_gets_its_mark_alone() -> None:
    bare = "<flow-definition>{}</flow-definition>"
    for inner in ("", "<description/>", "<description>\n</description>"):
        assert marked_source(marked(job(config_xml=bare.format(inner))).config_xml) == "vmss.yaml"
        assert f"<description>{mark('vmss.yaml')}<" in marked(job(config_xml=bare.format(inner))).config_xml


def test_a_job_that_differs_is_updated_and_the_plan_shows_the_difference() -> None:
    other = existing(job(config_xml=POSTED.replace("rg &amp; co", "x")))
    found = planned([job()], [FOLDER, other])
    assert isinstance(found.actions[0], Update)
    assert (found.pending, found.unchanged) == (found.actions, ())
    assert "    parameter RESOURCE_GROUP defaultValue: 'x' -> 'rg & co'" in list(lines(found))


def test_a_configuration_that_cannot_be_read_is_replaced() -> None:
    found = planned([job()], [FOLDER, existing(job(), config_xml="<broken")])
    assert isinstance(found.actions[0], Update)
    assert "not the XML of a job" in "\n".join(lines(found))


@pytest.mark.parametrize(
    ("description", "reason", "flag"),
    [
        ("", "not seeded by vmss-jenkins", "--adopt"),
        (mark("other.yaml"), "seeded from other.yaml; wanted a job of vmss.yaml", "--adopt-from other.yaml"),
        (mark("my file.yaml"), "seeded from my file.yaml", "--adopt-from 'my file.yaml'"),
    ],
)
def test_a_job_from_elsewhere_is_refused_unless_it_is_adopted(description: str, reason: str, flag: str) -> None:
    there = existing(job(), description=description, config_xml=POSTED)
    refused = planned([job()], [FOLDER, there]).actions[0]
    assert isinstance(refused, Refused)
    assert refused.reason.startswith(f"found a job with that name, {reason}")
    assert refused.flag == flag
    adopted = planned([job()], [FOLDER, there], adopt=True).actions[0]
    assert isinstance(adopted, Update)
    assert [change.what for change in adopted.changes] == ["description"]


def test_a_job_with_the_old_mark_of_the_file_is_taken_over_and_no_other_job() -> None:
    """As from the mark `vmss.yaml`, the path as it was typed, to the repository and the path."""
    now = job(source="git.example.com/org/shop:vmss.yaml")
    old, theirs = existing(job()), existing(job("vmss/x", source="other.yaml"))
    found = planned([now, replace(now, path="vmss/x")], [FOLDER, old, theirs], adopt_from=["vmss.yaml"]).actions
    assert isinstance(found[0], Update)
    assert mark(now.source) in found[0].spec.config_xml
    assert isinstance(found[1], Refused)


@pytest.mark.parametrize("adopt", [False, True])
def test_an_item_of_another_type_is_never_taken_over(adopt: bool) -> None:
    there = existing(job(), kind="hudson.model.FreeStyleProject")
    found = planned([job()], [FOLDER, there], adopt=adopt).actions[0]
    assert isinstance(found, Refused)
    assert "FreeStyleProject" in found.reason
    assert found.flag is None


def test_a_job_with_the_name_of_a_folder_is_refused() -> None:
    found = planned([job()], [ExistingJob("vmss", PIPELINE)]).actions[0]
    assert found == Refused("vmss/web-canary", "found a job vmss (WorkflowJob); wanted a folder: rename that job")


def test_only_jobs_that_were_seeded_from_this_file_are_pruned_and_only_with_prune() -> None:
    items = [FOLDER, existing(job()), existing(job("vmss/old"), has_builds=False)]
    items += [existing(job("vmss/theirs", source="other.yaml")), ExistingJob("vmss/manual", PIPELINE)]
    kept = planned([job()], items)
    assert kept.unpruned == ("vmss/old",)
    assert "not in the file any more: vmss/old; --prune disables it, or deletes it if it has no builds" in lines(kept)
    assert planned([job()], items, prune=True).pending == (Delete("vmss/old"),)


def test_a_job_with_builds_is_disabled_and_deleted_only_with_its_option() -> None:
    items = [FOLDER, existing(job()), existing(job("vmss/old"))]
    disabled = planned([job()], items, prune=True)
    assert disabled.pending == (Disable("vmss/old"),)
    assert "disable vmss/old: it is not in the file any more; its builds stay" in lines(disabled)
    assert planned([job()], items, prune=True, delete_builds=True).pending == (Delete("vmss/old"),)
    again = planned([job()], [*items[:2], existing(job("vmss/old"), is_disabled=True)], prune=True)
    assert (again.pending, again.retired) == ((), ("vmss/old",))
    assert any(
        "it is disabled and keeps its builds; --prune --delete-builds deletes both" in one for one in lines(again)
    )


@pytest.mark.parametrize(
    ("wanted", "gone", "inside"),
    [
        ("vmss/a", "vmss/old", True),
        ("vmss/a", "vmss/sub/old", True),
        ("vmss/a", "vmss2/old", False),
        ("vmss/a", "old", False),
        ("a", "old", True),
        ("a", "vmss/old", False),
    ],
)
def test_a_job_outside_the_folders_of_the_file_is_pruned_only_with_its_option(
    wanted: str, gone: str, inside: bool
) -> None:
    items = [FOLDER, existing(job(gone), has_builds=False)]
    found = planned([job(wanted)], items, prune=True)
    assert found.outside == (() if inside else (gone,))
    assert (Delete(gone) in found.pending) == inside
    assert Delete(gone) in planned([job(wanted)], items, prune=True, outside_folders=True).pending
    if not inside:
        assert any(f"{gone}; it is outside the folders of the file; --prune" in one for one in lines(found))


def test_an_empty_file_has_no_folder_and_prunes_by_its_name_with_the_option_for_that() -> None:
    items = [existing(job("old"), has_builds=False)]
    assert planned([], items, prune=True, outside_folders=True, sources=["vmss.yaml"]).pending == (Delete("old"),)
    assert planned([], items, prune=True, sources=["vmss.yaml"]).pending == ()
    assert planned([], items, prune=True, outside_folders=True).pending == ()


@pytest.mark.parametrize(
    ("there", "wanted", "refused"),
    [
        ("web-canary", "Web-canary", "keep the old name (job_name in vmss.yaml)"),
        ("Deploy", "deploy/web-canary", "write the folder as Deploy in vmss.yaml"),
        ("vmss/web-canary", "vmss/Web-canary", ""),
    ],
)
def test_a_name_that_differs_only_in_case_is_refused_at_the_root_and_created_in_a_folder(
    there: str, wanted: str, refused: str
) -> None:
    found = planned([job(wanted)], [FOLDER, existing(job(there), has_builds=False)], prune=True).actions[0]
    if refused:
        assert isinstance(found, Refused)
        assert refused in found.reason
        assert found.flag is None
    else:
        assert isinstance(found, Create)


@pytest.mark.parametrize(
    ("kept", "deleted", "safe"),
    [(7, 3, True), (6, 3, False), (0, 2, True), (0, 3, False), (100, 10, True), (100, 11, False)],
)
def test_deleting_a_large_part_of_a_file_needs_a_flag(kept: int, deleted: int, safe: bool) -> None:
    specs = [job(f"k{number}") for number in range(kept)]
    gone = [existing(job(f"d{number}"), has_builds=False) for number in range(deleted)]
    found = planned(specs, [*map(existing, specs), *gone], prune=True, outside_folders=True, sources=["vmss.yaml"])
    ensure_safe(found, allow_many_deletions=True)
    if safe:
        ensure_safe(found)
    else:
        with pytest.raises(UnsafeRollout, match=r"d0, d1, .*--allow-many-deletions"):
            ensure_safe(found)


@pytest.mark.parametrize("name", ["a?b", "a//b", "a/ b", "a/..", ".", "", "a.", "a\nb", "a|b", 'a"b', "a%b"])
def test_a_name_that_jenkins_refuses_is_refused_without_asking_it(name: str) -> None:
    with pytest.raises(ConfigError, match=r"wanted|refuses"):
        checked([job(name)])


def test_every_fault_of_the_wanted_jobs_is_reported_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        checked([job("a?"), job("b"), job("B"), job("c*")])
    assert len(caught.value.reasons) == 3


@pytest.mark.parametrize(("xml", "reason"), [("<no", "not the XML"), ("<project/>", "wanted <flow-definition>")])
def test_a_configuration_of_another_type_is_refused(xml: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        checked([job(config_xml=xml)])


@pytest.mark.parametrize(
    "xml",
    ["<flow-definition/>", POSTED, f"<flow-definition><description>{mark('old')}</description></flow-definition>"],
)
def test_a_job_gets_its_mark_once(xml: str) -> None:
    once = marked(job(config_xml=xml))
    assert marked_source(once.config_xml) == "vmss.yaml"
    assert marked(once) == once
    assert "from old" not in once.config_xml
