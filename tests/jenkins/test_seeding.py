"""Seeding, against a fake Jenkins that answers as a real one."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pytest

from tests.fake_jenkins import FakeJenkins
from tests.support.jenkins_cases import POSTED, SCRIPT, Seeder, job
from vmss_jenkins import config
from vmss_jenkins.errors import JenkinsError, SeedingFailed, SeedRefused, UnsafeRollout
from vmss_jenkins.events.calls import CallRetried
from vmss_jenkins.events.seeding import JobChanged
from vmss_jenkins.jenkins.plan.canonical_xml import mark
from vmss_jenkins.jenkins.plan.jobs import Create, Disable, JobSpec, Refused, Update
from vmss_jenkins.jenkins.server import JenkinsServer
from vmss_jenkins.model.findings import Severity
from vmss_jenkins.pipelines import jobs_of

ROOT = Path(__file__).parents[2]
CANARY, FULL = job("vmss/web-canary"), job("vmss/web-full")
BOTH = (CANARY, FULL)


@pytest.fixture
def fake() -> Iterator[FakeJenkins]:
    with FakeJenkins() as running:
        yield running


@pytest.fixture
def seed(fake: FakeJenkins) -> Seeder:
    return Seeder(fake)


def writes(fake: FakeJenkins) -> list[str]:
    return [each for each in fake.asked if each.startswith("POST") and ("createItem" in each or "config.xml" in each)]


def many(count: int) -> list[JobSpec]:
    return [job(f"vmss/j{n}", jenkinsfile=f"{SCRIPT} // {n}") for n in range(count)]


def test_jobs_are_created_in_nested_folders(fake: FakeJenkins, seed: Seeder) -> None:
    result = seed([job("vmss/prod/web-canary")])
    assert result.applied
    assert list(fake.state.items) == ["vmss", "vmss/prod", "vmss/prod/web-canary"]
    assert mark("vmss.yaml") in fake.state.items["vmss/prod/web-canary"].description
    assert seed.lines[1:-1] == [
        "folder vmss: created",
        "folder vmss/prod: created",
        "job vmss/prod/web-canary: created (1 of 1)",
    ]
    assert seed.lines[-1].startswith("1 created, 0 updated, 0 deleted, 0 unchanged")


@pytest.mark.parametrize("afterwards", ["nothing", "saved", "run"])
def test_a_second_run_changes_nothing_whatever_jenkins_made_of_the_jobs(
    fake: FakeJenkins, seed: Seeder, afterwards: str
) -> None:
    seed(BOTH)
    for each in BOTH:
        if afterwards != "nothing":
            {"saved": fake.save, "run": fake.run}[afterwards](each.path)
    result = seed(BOTH)
    assert (result.plan.pending, len(result.plan.unchanged)) == ((), 2)
    assert not [each for each in fake.asked if each.startswith("POST")]


def test_a_change_by_hand_is_reported_and_undone_and_the_tracker_is_kept(fake: FakeJenkins, seed: Seeder) -> None:
    seed(BOTH)
    fake.run(CANARY.path)
    fake.save(CANARY.path, lambda config: config.replace("echo", "printf"))
    checked = seed(BOTH, check=True)
    assert [each.path for each in checked.plan.pending] == [CANARY.path]
    assert "printf" in seed.config()
    seed(BOTH)
    assert "printf" not in seed.config()
    assert "DeclarativeJobPropertyTrackerAction" in seed.config()
    assert seed(BOTH).plan.pending == ()


def test_a_check_writes_nothing_and_makes_the_same_plan(fake: FakeJenkins, seed: Seeder) -> None:
    result = seed(BOTH, check=True)
    assert not result.applied
    assert not fake.state.items
    assert seed(BOTH).plan == result.plan


def test_a_new_job_takes_two_requests_and_an_unchanged_one_takes_one(fake: FakeJenkins, seed: Seeder) -> None:
    jobs = many(20)
    seed(jobs, connections=1)
    assert len(fake.asked) <= 2 * 20 + 10
    seed(jobs)
    assert len(fake.asked) <= 20 + 5


def test_equal_scripts_are_checked_by_the_linter_once(fake: FakeJenkins, seed: Seeder) -> None:
    seed(BOTH)
    assert sum("validateJenkinsfile" in each for each in fake.asked) == 1


def test_scripts_that_differ_only_in_their_texts_are_checked_by_the_linter_once(
    fake: FakeJenkins, seed: Seeder
) -> None:
    names = ("it's", "$(evil)", "'''", "\\", "// no comment", 'say "hi"')
    sets = [{"name": f"web{n}", "resource_group": "g", "description": name} for n, name in enumerate(names)]
    jobs = jobs_of(config.parse(json.dumps({"sets": sets}), "vmss.yaml"), "vmss.yaml")
    seed(jobs)
    assert len(jobs) == len({job.jenkinsfile for job in jobs}) == 3 * len(names)
    assert sum("validateJenkinsfile" in each for each in fake.asked) == 3


def test_a_fault_is_told_of_every_script_of_its_shape(fake: FakeJenkins, seed: Seeder) -> None:
    bad = "pipeline { agent any\n stages { stage('%s') { steps { sh 'x' } } }"
    jobs = [job(f"vmss/{name}", jenkinsfile=bad % name, shape="bad") for name in "ab"]
    with pytest.raises(SeedRefused) as refused:
        seed(jobs)
    assert [f"the Jenkinsfile of vmss/{name}:" in str(refused.value) for name in "ab"] == [True, True]


def test_jobs_that_left_the_file_are_deleted_only_with_prune(fake: FakeJenkins, seed: Seeder) -> None:
    seed(BOTH)
    assert seed([CANARY]).plan.unpruned == (FULL.path,)
    assert FULL.path in fake.state.items
    seed([CANARY], prune=True)
    assert list(fake.state.items) == ["vmss", CANARY.path]


def test_a_job_with_builds_is_disabled_once_and_enabled_again_when_it_comes_back(
    fake: FakeJenkins, seed: Seeder
) -> None:
    seed(BOTH)
    fake.run(FULL.path)
    assert seed([CANARY], prune=True).plan.pending == (Disable(FULL.path),)
    assert "<disabled>true</disabled>" in seed.config(FULL.path)
    assert fake.state.items[FULL.path].builds == 1
    assert seed([CANARY], prune=True).plan.retired == (FULL.path,)
    (back,) = seed(BOTH).plan.pending
    assert isinstance(back, Update)
    assert [change.what for change in back.changes] == ["disabled"]
    assert seed(BOTH).plan.pending == ()
    fake.run(FULL.path)
    seed([CANARY], prune=True, delete_builds=True)
    assert FULL.path not in fake.state.items


def test_two_files_of_the_same_name_do_not_touch_the_jobs_of_each_other(fake: FakeJenkins, seed: Seeder) -> None:
    shop, blog = "git.example.com/shop:vmss.yaml", "git.example.com/blog:vmss.yaml"
    seed([job("vmss/shop", source=shop)])
    seed([job("vmss/blog", source=blog)], prune=True, delete_builds=True, prune_outside_folders=True)
    assert set(fake.state.items) == {"vmss", "vmss/shop", "vmss/blog"}
    with pytest.raises(SeedRefused, match=f"seeded from {shop}; wanted a job of {blog}"):
        seed([job("vmss/shop", source=blog)])


def test_a_rename_in_case_at_the_root_is_refused_before_anything_is_written(fake: FakeJenkins, seed: Seeder) -> None:
    seed([job("web-canary"), job("other")])
    before = dict(fake.state.items)
    with pytest.raises(SeedRefused, match=r"found web-canary at the root.*keep the old name \(job_name in vmss.yaml\)"):
        seed([job("Web-canary"), job("new")], prune=True, delete_builds=True, allow_many_deletions=True)
    assert fake.state.items == before


def test_a_rename_in_case_in_a_folder_creates_the_new_job_and_keeps_the_builds(fake: FakeJenkins, seed: Seeder) -> None:
    seed([job("vmss/web")])
    fake.run("vmss/web")
    seed([job("vmss/Web")], prune=True)
    assert {path: item.builds for path, item in fake.state.items.items()} == {"vmss": 0, "vmss/web": 1, "vmss/Web": 0}


def test_nothing_is_deleted_after_a_failed_creation(fake: FakeJenkins, seed: Seeder) -> None:
    seed(BOTH)
    fake.failures["createItem?name=new"] = 500
    with pytest.raises(SeedingFailed) as caught:
        seed([CANARY, job("vmss/new")], prune=True, connections=4)
    assert FULL.path in fake.state.items
    assert FULL.path in caught.value.not_done
    fake.failures.clear()
    seed([CANARY, job("vmss/new")], prune=True)
    assert FULL.path not in fake.state.items


def test_pruning_too_much_is_refused_before_anything_is_written(fake: FakeJenkins, seed: Seeder) -> None:
    seed(many(5))
    with pytest.raises(UnsafeRollout, match="allow-many-deletions"):
        seed(many(1), prune=True)
    (problem,) = seed(many(1), prune=True, check=True).problems
    assert problem.endswith("vmss/j1, vmss/j2, vmss/j3, vmss/j4; --allow-many-deletions allows it")
    assert len(fake.state.items) == 6
    assert seed(many(1), prune=True, check=True, allow_many_deletions=True).problems == ()
    seed(many(1), prune=True, allow_many_deletions=True)
    assert len(fake.state.items) == 2


def test_a_job_of_somebody_else_stops_the_seeding_unless_adopted(fake: FakeJenkins, seed: Seeder) -> None:
    fake.state.create("", "mine", POSTED)
    with pytest.raises(SeedRefused, match=r"job mine: found a job with that name.*--adopt"):
        seed([job("mine"), job("new")])
    assert list(fake.state.items) == ["mine"]
    assert isinstance(seed([job("mine")], adopt=True).plan.actions[0], Update)
    assert seed([job("mine")]).plan.pending == ()


def test_an_item_of_another_type_is_never_adopted(fake: FakeJenkins, seed: Seeder) -> None:
    fake.state.create("", "mine", "<project/>")
    result = seed([job("mine")], adopt=True, check=True)
    assert isinstance(result.plan.actions[0], Refused)
    assert len(result.problems) == 1


def test_all_problems_are_reported_at_once_and_nothing_is_written(fake: FakeJenkins, seed: Seeder) -> None:
    del fake.state.plugins["lockable-resources"]
    fake.state.inactive.add("junit")
    plugins = {"lockable-resources": "2.18", "junit": "", "workflow-job": "1400", "git": ""}
    with pytest.raises(SeedRefused) as caught:
        seed([job(plugins=plugins, credentials_id="nope", jenkinsfile="pipeline { agent any")])
    message = str(caught.value)
    for part in (
        "plugin lockable-resources is missing or not active; wanted version 2.18 or newer",
        "plugin junit is missing or not active; wanted any version",
        "plugin workflow-job has version 1342.v046651d5b_dfe; wanted 1400 or newer",
        "vmss/web-canary needs the credentials 'nope'",
        "found azure-sp; --allow-missing-credentials",
        "refuses the Jenkinsfile of vmss/web-canary: expecting '}', found '' @ line 1, column 21.",
    ):
        assert part in message
    assert not fake.state.items


def test_missing_credentials_may_be_allowed(seed: Seeder) -> None:
    assert seed([job(credentials_id="later")], allow_missing_credentials=True).applied
    assert any(line.startswith("warning: vmss/web-canary needs the credentials 'later'") for line in seed.lines)


def test_older_plugins_may_be_allowed_and_missing_ones_not(fake: FakeJenkins, seed: Seeder) -> None:
    older = job(plugins={"workflow-job": "1400"})
    with pytest.raises(SeedRefused, match="--allow-older-plugins allows it"):
        seed([older], allow_missing_credentials=True)
    assert seed([older], allow_older_plugins=True).applied
    assert any(line.startswith("warning: plugin workflow-job has version") for line in seed.lines)
    with pytest.raises(SeedRefused, match="plugin git is missing"):
        seed([job("x", plugins={"git": "5"})], allow_older_plugins=True)


def test_the_jobs_of_a_file_work_on_the_tested_server_and_are_refused_with_older_plugins(
    fake: FakeJenkins, seed: Seeder
) -> None:
    jobs = jobs_of(config.parse((ROOT / "examples" / "vmss.yaml").read_text(), "vmss.yaml"))
    fake.state.credentials[""].add("azure-canary")
    assert seed(jobs, check=True).problems == ()
    needed = {name for each in jobs for name in each.plugins}
    assert len(needed) >= 9
    fake.state.plugins.update(dict.fromkeys(needed, "1.0"))
    assert len(seed(jobs, check=True).problems) == len(needed)


def test_a_missing_optional_plugin_is_named_with_what_does_not_work(fake: FakeJenkins, seed: Seeder) -> None:
    useful = job(useful={"build-with-parameters": "links will not prefill its form"})
    assert seed([useful]).problems == ()
    assert "plugin build-with-parameters is missing: links will not prefill its form" in seed.lines
    fake.state.plugins["build-with-parameters"] = "76.v9382db_f78962"
    seed([useful])
    assert not [line for line in seed.lines if "build-with-parameters" in line]


def test_the_secrets_of_a_script_are_looked_for_too(seed: Seeder) -> None:
    for azure in ("azure-sp", None):
        with pytest.raises(SeedRefused, match="vmss/web-canary needs the credentials 'scripts-sas'"):
            seed([job(credentials_id=azure, secrets=("scripts-sas",))])


def test_credentials_of_a_folder_are_found(fake: FakeJenkins, seed: Seeder) -> None:
    seed([job("vmss/a", credentials_id=None)])
    fake.state.credentials = {"": set(), "vmss": {"own"}}
    assert seed([job("vmss/b", credentials_id="own")]).applied


def test_a_user_without_the_permission_to_create_is_refused_before_anything_is_written(
    fake: FakeJenkins, seed: Seeder
) -> None:
    seed.user, seed.token = fake.reader, fake.reader_token
    fake.has_linter = False
    fake.failures["validateJenkinsfile"] = 404
    with pytest.raises(SeedRefused, match="may not create jobs in the root folder: the permission Job/Create"):
        seed(BOTH)
    assert any("this user may not see the plugins" in line for line in seed.lines)
    assert any("this user may not see whether the credentials 'azure-sp' exist" in line for line in seed.lines)


def test_a_missing_linter_is_one_warning(fake: FakeJenkins, seed: Seeder) -> None:
    fake.has_linter = False
    assert seed(many(3)).applied
    assert sum("has no linter" in line for line in seed.lines) == 1


@pytest.mark.parametrize(
    ("html", "markup", "finding"),
    [
        (True, "Plain text", "this server shows tags in descriptions as text; choose the markup formatter Safe HTML"),
        (False, "Safe HTML", "may be taken for tags; set `safe_html: true` under `jenkins` in vmss.yaml"),
        (True, "Safe HTML", ""),
        (False, "Plain text", ""),
    ],
)
def test_descriptions_that_the_server_shows_in_another_way_are_a_warning(
    fake: FakeJenkins, seed: Seeder, html: bool, markup: str, finding: str
) -> None:
    fake.markup = markup
    result = seed([replace(CANARY, html=html)])
    assert result.applied
    found = [one.text for one in result.findings if "descriptions" in one.text]
    assert [finding in one for one in found] == ([True] if finding else [])
    assert all(one.severity is Severity.WARNING for one in result.findings if one.text in found)


def test_a_server_that_does_not_tell_its_formatter_is_a_warning_for_html_only(fake: FakeJenkins, seed: Seeder) -> None:
    fake.failures["previewDescription"] = 403
    (found,) = [one.text for one in seed([replace(CANARY, html=True)]).findings if "descriptions" in one.text]
    assert "does not tell whether it shows HTML" in found
    assert not [one for one in seed([CANARY, FULL]).findings if "descriptions" in one.text]


def test_a_wrong_token_fails_at_the_first_request(fake: FakeJenkins, seed: Seeder) -> None:
    seed.token = "wrong"
    with pytest.raises(JenkinsError, match="HTTP 401"):
        seed(BOTH)
    assert len(fake.asked) == 1


def test_a_restart_is_waited_for_and_reported(fake: FakeJenkins, seed: Seeder) -> None:
    fake.unavailable = 3
    assert seed(BOTH).applied
    assert seed.clock.slept == [1, 2, 4]
    retries = [event for event in seed.events if isinstance(event, CallRetried)]
    assert "getting ready to work" in retries[0].reason


def test_a_server_that_stays_down_fails_the_seeding(fake: FakeJenkins, seed: Seeder) -> None:
    fake.unavailable = 1000
    with pytest.raises(JenkinsError, match="HTTP 503") as caught:
        seed(BOTH)
    assert "wait until Jenkins is up" in str(caught.value)
    assert 30 < sum(seed.clock.slept) < 120


def test_after_a_failure_every_job_is_whole_and_the_next_run_finishes(fake: FakeJenkins, seed: Seeder) -> None:
    jobs = many(6)
    fake.failures["createItem?name=j3"] = 500
    with pytest.raises(SeedingFailed) as caught:
        seed(jobs, connections=1)
    failed = caught.value
    assert failed.done[:4] == ("vmss", "vmss/j0", "vmss/j1", "vmss/j2")
    assert list(failed.failed) == ["vmss/j3"]
    assert "IllegalStateException: failure of a test" in str(failed)
    assert set(failed.not_done) <= {"vmss/j4", "vmss/j5"}
    assert "run the same command again" in str(failed)
    assert {*failed.done, *failed.failed, *failed.not_done} == {"vmss", *(each.path for each in jobs)}
    fake.failures.clear()
    again = seed(jobs)
    created = {each.path for each in again.plan.actions if isinstance(each, Create)}
    assert created == {*failed.failed, *failed.not_done}
    assert seed(jobs).plan.pending == ()


def test_no_job_is_created_after_a_folder_failed(fake: FakeJenkins, seed: Seeder) -> None:
    fake.failures["createItem?name=b"] = 500
    with pytest.raises(SeedingFailed) as caught:
        seed([job("a/b/c/d")])
    assert (caught.value.done, list(caught.value.failed)) == (("a",), ["a/b"])
    assert caught.value.not_done == ("a/b/c", "a/b/c/d")


def test_a_lost_answer_creates_no_second_job(seed: Seeder, monkeypatch: pytest.MonkeyPatch) -> None:
    create, calls = JenkinsServer.create, []

    def losing(server: JenkinsServer, path: str, xml: str) -> None:
        create(server, path, xml)
        calls.append(path)
        raise JenkinsError(504, "the proxy gave up", f"create the job {path}")

    monkeypatch.setattr(JenkinsServer, "create", losing)
    assert seed([job("x")]).applied
    assert calls == ["x"]
    assert seed([job("x")]).plan.pending == ()


@pytest.mark.parametrize(
    "hostile", ["]]>", "</script>", "$(touch x)", "`x`", "${X}", "a\rb\r\nc", "ü\U0001f680", "'\"\\"]
)
def test_hostile_scripts_are_stored_unchanged(fake: FakeJenkins, seed: Seeder, hostile: str) -> None:
    config = POSTED.replace("pipeline {", escape(f"// {hostile}\npipeline {{", {"\r": "&#13;"}), 1)
    jobs = [job("x", config_xml=config)]
    seed(jobs)
    fake.run("x")
    assert hostile in fake.state.script("x")
    assert seed(jobs).plan.pending == ()


def test_a_configuration_that_cannot_be_read_is_replaced(fake: FakeJenkins, seed: Seeder) -> None:
    seed([CANARY])
    fake.state.items[CANARY.path].config = seed.config().replace("pipeline {", "&#x1b; pipeline {")
    fake.state.items[CANARY.path].known_description = mark("vmss.yaml")
    assert "not the XML of a job" in str(seed([CANARY]).plan.actions[0])
    fake.state.items[CANARY.path].known_description = None
    assert seed([CANARY]).plan.pending == ()


def test_without_jobs_nothing_is_changed(fake: FakeJenkins, seed: Seeder) -> None:
    assert seed([]).applied
    assert len(fake.asked) == 2


def test_events_come_one_at_a_time(seed: Seeder) -> None:
    seed(many(30))
    done = [event.done for event in seed.events if isinstance(event, JobChanged)]
    assert done == list(range(1, 31))


def test_an_unexpected_exception_in_a_thread_is_raised(
    fake: FakeJenkins, seed: Seeder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr("vmss_jenkins.jenkins.server.JenkinsServer.create", broken)
    with pytest.raises(RuntimeError, match="a fault"):
        seed([job("x")])
