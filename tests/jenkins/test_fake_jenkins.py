"""The fake Jenkins answers as a real one did."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.fake_jenkins import FakeJenkins
from tests.support.jenkins_cases import AFTER_A_RUN, POSTED, RECORDINGS
from vmss_jenkins.jenkins.plan.canonical_xml import canonical
from vmss_jenkins.pipelines.plugins import SEEN


@pytest.fixture
def fake() -> Iterator[FakeJenkins]:
    with FakeJenkins() as running:
        yield running


def ask(fake: FakeJenkins, exchange: Any, **options: Any) -> requests.Response:
    asked = exchange["request"]
    headers = {"Content-Type": asked["content_type"]} if asked["content_type"] else {}
    options = {"auth": (fake.user, fake.token), **options}
    body = asked["body"].encode() if asked["body"] else None
    with requests.Session() as session:
        return session.request(
            asked["method"], fake.url + asked["path"][1:], data=body, headers=headers, timeout=10, **options
        )


def played(fake: FakeJenkins, exchange: Any) -> tuple[Any, Any]:
    """Return the recorded answer and the fake's answer: status, reason and body."""
    answer, recorded = ask(fake, exchange), exchange["response"]
    found = (answer.status_code, answer.headers.get("X-Error"), answer.text)
    wanted = (recorded["status"], recorded["headers"].get("X-Error"), recorded["body"])
    if wanted[2] is None:  # a page; only its reason is used
        return wanted[:2], found[:2]
    if wanted[2].startswith("{"):
        known = {"url": "http://jenkins.example/", "wanted": json.loads(wanted[2])}
        text = found[2].replace(fake.url, known["url"])
        return (*wanted[:2], known["wanted"]), (*found[:2], json.loads(text))
    return wanted, found


@pytest.mark.parametrize("chapter", ["job_create_read_update", "linter"])
def test_it_answers_as_recorded(fake: FakeJenkins, chapter: str) -> None:
    for exchange in RECORDINGS[chapter]:
        wanted, found = played(fake, exchange)
        assert found == wanted, exchange["request"]


def test_it_refuses_as_recorded(fake: FakeJenkins) -> None:
    fake.state.create("", "probe", POSTED)
    for exchange in RECORDINGS["job_errors"]:
        wanted, found = played(fake, exchange)
        assert found == wanted, exchange["request"]


def test_folders_answer_as_recorded(fake: FakeJenkins) -> None:
    fake.state.create("", "probe", POSTED)
    for exchange in RECORDINGS["folders"]:
        wanted, found = played(fake, exchange)
        assert found == wanted, exchange["request"]


def test_the_first_run_rewrites_a_job_as_recorded(fake: FakeJenkins) -> None:
    fake.state.create("", "probe", POSTED)
    fake.run("probe")
    config = fake.state.items["probe"].config
    assert canonical(config) == canonical(AFTER_A_RUN)
    assert config.split() == AFTER_A_RUN.split()


def test_without_authentication_and_with_a_wrong_token_it_refuses_as_recorded(fake: FakeJenkins) -> None:
    wrong, anonymous = RECORDINGS["authentication"][0], RECORDINGS["authentication"][1]
    assert ask(fake, wrong, auth=("admin", "wrong")).text == wrong["response"]["body"]
    answer = ask(fake, anonymous, auth=None)
    assert (answer.status_code, answer.text.strip()) == (403, anonymous["response"]["body"].strip())


def test_a_password_needs_a_crumb_and_its_session(fake: FakeJenkins) -> None:
    post = RECORDINGS["authentication"][3]
    auth = (fake.user, fake.password)
    refused = ask(fake, post, auth=auth)
    assert (refused.status_code, refused.text) == (403, post["response"]["body"])
    with requests.Session() as session:
        session.auth = auth
        crumb = session.get(f"{fake.url}crumbIssuer/api/json", timeout=10).json()
        headers = {crumb["crumbRequestField"]: crumb["crumb"], "Content-Type": "text/xml"}
        url = f"{fake.url}createItem?name=x"
        assert session.post(url, data=POSTED.encode(), headers=headers, timeout=10).status_code == 200


def test_names_that_differ_only_in_case_are_one_at_the_root_and_two_in_a_folder(fake: FakeJenkins) -> None:
    """As measured on 2.528.3."""
    fake.state.create("", "folder", "<com.cloudbees.hudson.plugins.folder.Folder/>")

    def asked(method: str, path: str) -> int:
        with requests.Session() as session:
            headers = {"Content-Type": "text/xml"}
            body = POSTED.encode() if method == "POST" else None
            url, auth = fake.url + path, (fake.user, fake.token)
            return session.request(method, url, data=body, headers=headers, auth=auth, timeout=10).status_code

    assert [asked("POST", f"createItem?name={name}") for name in ("web", "Web")] == [200, 400]
    assert asked("GET", "job/WEB/api/json") == 200
    assert [asked("POST", f"job/folder/createItem?name={name}") for name in ("web", "Web")] == [200, 200]
    assert asked("GET", "job/folder/job/WEB/api/json") == 404


def test_its_plugins_have_the_recorded_versions(fake: FakeJenkins) -> None:
    (listing,) = [each for each in RECORDINGS["whoami_version_plugins"] if "pluginManager" in each["request"]["path"]]
    recorded = {each["shortName"]: each["version"] for each in json.loads(listing["response"]["body"])["plugins"]}
    assert fake.state.plugins.items() <= recorded.items()
    assert SEEN.items() <= recorded.items()
