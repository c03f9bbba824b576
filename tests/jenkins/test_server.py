"""The adapter shows the server's own reason, and the next step."""

import ssl
from collections.abc import Iterator
from contextlib import closing, suppress
from socket import create_server
from threading import Thread
from typing import Any

import pytest
import responses
import trustme

from tests.fake_jenkins import FakeJenkins
from tests.support.jenkins_cases import POSTED
from vmss_jenkins.errors import ConfigError, JenkinsError
from vmss_jenkins.jenkins.server import JenkinsServer

URL = "http://jenkins.example/"


@pytest.fixture
def fake() -> Iterator[FakeJenkins]:
    with FakeJenkins() as running:
        yield running


@pytest.fixture
def server(fake: FakeJenkins) -> Iterator[JenkinsServer]:
    with closing(JenkinsServer(fake.url, fake.user, fake.token)) as made:
        yield made


@pytest.fixture
def alone() -> Iterator[JenkinsServer]:
    with closing(JenkinsServer(URL, "admin", "token")) as made:
        yield made


def refusal(call: Any, *arguments: Any) -> JenkinsError:
    with pytest.raises(JenkinsError) as caught:
        call(*arguments)
    return caught.value


def test_it_reads_the_user_the_plugins_and_the_items(fake: FakeJenkins, server: JenkinsServer) -> None:
    fake.state.inactive.add("junit")
    assert (server.whoami(), server.version()) == ("admin", "2.421")
    plugins = server.plugins()
    assert plugins is not None
    assert plugins["workflow-job"].startswith("1342.")
    assert "junit" not in plugins
    server.create_folder("a b")
    server.create("a b/ü", POSTED)
    assert {path: item.is_folder for path, item in server.items().items()} == {"a b": True, "a b/ü": False}
    server.delete("a b/ü")
    assert list(server.items()) == ["a b"]


def test_one_request_lists_everything(fake: FakeJenkins, server: JenkinsServer) -> None:
    for folder in ("a", "a/b", "a/b/c"):
        server.create_folder(folder)
    server.create("a/b/c/d", POSTED)
    fake.asked.clear()
    assert server.items()["a/b/c/d"].description == "managed: <vmss> canary"
    assert len(fake.asked) == 1


def test_one_request_creates_a_job(fake: FakeJenkins, server: JenkinsServer) -> None:
    server.lint("")  # the crumb is fetched before the first POST
    fake.asked.clear()
    server.create("x", POSTED)
    assert fake.asked == ["POST /createItem?name=x"]


@pytest.mark.parametrize(
    ("path", "xml", "status", "reason"),
    [
        ("there", POSTED, 400, "A job already exists with the name there"),
        ("a?b", POSTED, 400, "? is an unsafe character"),
        ("no/x", POSTED, 404, "Not Found"),
        ("x", "<flow-definition><oops>", 500, "org.xml.sax.SAXParseException"),
        ("x", "<no-such-root/>", 500, "CannotResolveClassException: no-such-root"),
    ],
)
def test_the_servers_reason_is_shown(
    fake: FakeJenkins, server: JenkinsServer, path: str, xml: str, status: int, reason: str
) -> None:
    fake.state.create("", "there", POSTED)
    error = refusal(server.create, path, xml)
    assert error.status == status
    assert reason in error.message
    assert error.action == f"create the job {path}"


def test_the_reason_for_another_type_of_item_is_not_a_failed_login(fake: FakeJenkins, server: JenkinsServer) -> None:
    fake.state.create("", "there", POSTED)
    error = refusal(server.update, "there", "<com.cloudbees.hudson.plugins.folder.Folder/>")
    assert "Expecting org.jenkinsci.plugins.workflow.job.WorkflowJob" in error.message


def test_the_message_for_a_wrong_token_says_where_to_get_one(fake: FakeJenkins) -> None:
    with closing(JenkinsServer(fake.url, "admin", "wrong")) as server:
        error = refusal(server.whoami)
    assert error.status == 401
    assert "API Token" in str(error)


def test_a_user_who_may_only_read_is_found_without_writing(fake: FakeJenkins) -> None:
    with closing(JenkinsServer(fake.url, fake.reader, fake.reader_token)) as server:
        assert server.whoami() == "reader"
        assert not server.may_create("")
        assert (server.plugins(), server.credentials("")) == (None, None)
        error = refusal(server.create, "x", POSTED)
    assert "reader is missing the Job/Create permission" in error.message
    assert not fake.state.items


def test_asking_for_the_permission_to_create_creates_nothing(fake: FakeJenkins, server: JenkinsServer) -> None:
    assert server.may_create("")
    assert not fake.state.items


def test_a_password_works_with_crumbs_even_after_the_session_ended(fake: FakeJenkins) -> None:
    with closing(JenkinsServer(fake.url, fake.user, fake.password)) as server:
        server.create("x", POSTED)
        fake.forget_sessions()
        server.create("y", POSTED)
    assert list(fake.state.items) == ["x", "y"]


def test_a_missing_linter_is_no_verdict(fake: FakeJenkins, server: JenkinsServer) -> None:
    assert server.lint("node {}") == ("Jenkinsfile content 'node {}' did not contain the 'pipeline' step",)
    fake.has_linter = False
    assert server.lint("node {}") is None


def test_the_markup_formatter_is_asked_whether_tags_are_shown_as_html(fake: FakeJenkins, server: JenkinsServer) -> None:
    assert server.shows_html() is False
    fake.markup = "Safe HTML"
    assert server.shows_html() is True
    for status in (403, 404):
        fake.failures["previewDescription"] = status
        assert server.shows_html() is None
    fake.failures["previewDescription"] = 500
    assert refusal(server.shows_html).status == 500
    assert not fake.state.items


def test_a_preview_without_the_link_tells_nothing(alone: JenkinsServer) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        http.get(f"{URL}crumbIssuer/api/json", status=404)
        http.post(f"{URL}markupFormatter/previewDescription", body="link")
        assert alone.shows_html() is None


def test_nested_faults_of_the_linter_become_one_line(alone: JenkinsServer) -> None:
    with responses.RequestsMock() as http:
        http.get(f"{URL}crumbIssuer/api/json", status=404)
        answer = {"status": "ok", "data": {"result": "failure", "errors": [{"error": ["one", "two"]}, "three"]}}
        http.post(f"{URL}pipeline-model-converter/validateJenkinsfile", json=answer)
        assert alone.lint("x") == ("one; two", "three")


@pytest.mark.parametrize(
    ("part", "call"),
    [
        ("createItem", lambda server: server.may_create("")),
        ("validateJenkinsfile", lambda server: server.lint("x")),
        ("doDelete", lambda server: server.delete("x")),
        ("pluginManager", lambda server: server.plugins()),
        ("api/json?tree=jobs", lambda server: server.items()),
    ],
)
def test_a_failure_of_the_server_is_raised(fake: FakeJenkins, server: JenkinsServer, part: str, call: Any) -> None:
    fake.failures[part.replace("[", "%5B")] = 500
    error = refusal(call, server)
    assert (error.status, error.message) == (500, "java.lang.IllegalStateException: failure of a test")


def test_the_message_for_a_redirect_has_the_new_address(fake: FakeJenkins) -> None:
    with FakeJenkins() as old:
        old.redirect_to = fake.url
        with closing(JenkinsServer(old.url, fake.user, fake.token)) as server:
            error = refusal(server.whoami)
    assert f"redirects to {fake.url}" in error.message
    assert "--url" in str(error)


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "http://jenkins.example:8080/", "https://jenkins.example/"]
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_gets_no_token_no_crumb_and_no_job(alone: JenkinsServer, elsewhere: str, status: int) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        http.get(f"{URL}crumbIssuer/api/json", json={"crumbRequestField": "Jenkins-Crumb", "crumb": "c4umb"})
        for method, path in (("GET", "me/api/json"), ("POST", "createItem")):
            http.add(method, f"{URL}{path}", status=status, headers={"Location": elsewhere})
        for method in ("GET", "POST"):
            http.add(method, elsewhere, json={"id": "x"}, headers={"X-Jenkins": "2"})
        for error in (refusal(alone.whoami), refusal(alone.create, "web", POSTED)):
            assert (error.status, f"redirects to {elsewhere}" in error.message) == (status, True)
        assert [call.request.url for call in http.calls if str(call.request.url) == elsewhere] == []


def test_a_redirected_crumb_request_names_the_other_address(alone: JenkinsServer) -> None:
    with responses.RequestsMock() as http:
        http.get(f"{URL}crumbIssuer/api/json", status=302, headers={"Location": "https://evil.example/"})
        assert "redirects to https://evil.example/" in refusal(alone.create, "web", POSTED).message


@pytest.mark.parametrize("answer", [{"body": "<h1>It works!</h1>"}, {"json": {"id": "x"}}, {"body": "", "status": 404}])
def test_a_server_that_is_not_jenkins_is_refused(alone: JenkinsServer, answer: Any) -> None:
    with responses.RequestsMock() as http:
        http.get(f"{URL}me/api/json", **answer)
        error = refusal(alone.whoami)
    assert "check --url" in str(error)


PAST, FUTURE = (f"Fri, 01 Jan {year} 00:00:00 GMT" for year in (2021, 2999))


@pytest.mark.parametrize(
    ("asked", "waited"), [("5", 5.0), ("86400", 60.0), ("tomorrow", None), (PAST, 0.0), (FUTURE, 60.0)]
)
def test_a_server_may_ask_for_a_wait_of_up_to_a_minute(alone: JenkinsServer, asked: str, waited: float | None) -> None:
    with responses.RequestsMock() as http:
        http.get(f"{URL}me/api/json", status=503, headers={"Retry-After": asked})
        error = refusal(alone.whoami)
    assert (error.restarting, error.retry_after) == (True, waited)


def test_an_answer_that_is_not_json_is_refused(alone: JenkinsServer) -> None:
    with responses.RequestsMock() as http:
        http.get(f"{URL}me/api/json", body="<html>proxy</html>", headers={"X-Jenkins": "2"})
        assert "found no JSON: proxy" in refusal(alone.whoami).message


@pytest.mark.parametrize("url", ["", "jenkins.example", "ftp://x/", "https://"])
def test_an_invalid_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="wanted a URL"):
        JenkinsServer(url, "admin", "token")


def test_an_unreachable_server_is_reported_in_one_line() -> None:
    with create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with closing(JenkinsServer(f"http://127.0.0.1:{port}/", "admin", "token")) as server:
        error = refusal(server.whoami)
    assert error.status is None
    assert "Connection refused" in error.message


def test_the_message_for_an_untrusted_certificate_says_how_to_trust_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHTTPSVERIFY", "0")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with create_server(("127.0.0.1", 0)) as listening:
        thread = Thread(target=_greet, args=(listening, context))
        thread.start()
        with closing(JenkinsServer(f"https://127.0.0.1:{listening.getsockname()[1]}/", "admin", "token")) as server:
            error = refusal(server.whoami)
        thread.join()
    assert "certificate is not trusted" in error.message
    assert error.message.endswith("unable to get local issuer certificate")
    assert "REQUESTS_CA_BUNDLE" in str(error)


def _greet(listening: Any, context: ssl.SSLContext) -> None:
    connection, _ = listening.accept()
    with connection, suppress(ssl.SSLError, OSError):
        context.wrap_socket(connection, server_side=True).close()
