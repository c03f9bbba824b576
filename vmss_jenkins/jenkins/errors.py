"""Turns the exceptions of python-jenkins into `JenkinsError`, with the server's own reason and a next step."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urljoin

import jenkins
import requests

from vmss_jenkins.errors import JenkinsError
from vmss_jenkins.runtime.retry_after import retry_after_seconds

NOT_JENKINS = (
    "check --url: the address of Jenkins as in a browser, with its path (https://example.com/jenkins/), "
    "and the proxy settings of this machine (HTTPS_PROXY, NO_PROXY)"
)
NEXT_STEPS: Mapping[int, str] = {
    401: "check --user (the id, not the display name) and the API token (your name, Security, API Token)",
    403: "ask an administrator for the permissions Overall/Read and Job/Create, Configure, Read and Delete",
    404: f"{NOT_JENKINS}; or run again, if somebody has just deleted the folder",
    500: "read the whole stack trace in the server's log (Manage Jenkins, System Log)",
    502: "wait until Jenkins is up, and run again",
    503: "wait until Jenkins is up, and run again",
    504: "wait until Jenkins is up, and run again",
}
"""What to do next, by status."""
HIDDEN = (
    "an item with that name exists, and this user may not see it: ask an administrator for Job/Read, or choose "
    "another name"
)
UNTRUSTED = (
    "set REQUESTS_CA_BUNDLE=FILE, a PEM file with the certificate of the server's certificate authority; "
    "verification is never switched off"
)
LONGEST_WAIT = 60.0
"""Most seconds between two tries, even if the server asks for more."""
LONGEST_REASON = 400
"""Most characters of a server's reason."""


@contextmanager
def translated(action: str) -> Iterator[None]:
    """Turn each exception of python-jenkins inside the block into a `JenkinsError` for this action."""
    try:
        yield
    except (jenkins.JenkinsException, requests.RequestException, ValueError) as error:
        raise _error(action, error) from error


def explained(response: requests.Response) -> str:
    """Find the server's reason: in its header, in a stack trace, or in the text of a page."""
    if reason := response.headers.get("X-Error"):
        return " ".join(reason.split())
    text = response.text
    if found := re.search(
        r"^\s*(?:Caused:\s+|Caused by:\s+)?([\w.$]+(?:Exception|Error)\b.*)$", _text(text), re.MULTILINE
    ):
        return found[1].strip()[:LONGEST_REASON]
    if found := re.search(r"<tr><th>MESSAGE:</th><td>(.*?)</td>", text, re.DOTALL):
        return _words(found[1])
    body = re.sub(r"<head.*?</head>", " ", text, flags=re.DOTALL)
    return _words(body) or _title(text) or response.reason or "no reason given"


def redirected(response: requests.Response, action: str) -> JenkinsError:
    """Make the error for a redirect, which is never followed: another host gets no request."""
    target = urljoin(response.url, response.headers["Location"])
    found = f"the server redirects to {target.removesuffix('api/json').removesuffix('me/').partition('?')[0]}"
    step = "give the address that Jenkins itself shows (Manage Jenkins, System, Jenkins URL) as --url"
    return JenkinsError(response.status_code, found, action, step)


def refuse_redirect(response: requests.Response, *_: object, **__: object) -> None:
    """Refuse to follow a redirect: a hook of requests, called before the next request is sent.

    Raises:
        HTTPError: for a redirect.
    """
    if response.is_redirect:
        response.close()
        raise requests.HTTPError("redirect", response=response)


def is_crumb_refusal(error: JenkinsError) -> bool:
    """Whether a request was refused because of its crumb; a new crumb helps."""
    return error.status == requests.codes.forbidden and "crumb" in error.message


def _error(action: str, error: Exception) -> JenkinsError:
    response = _response(error)
    if response is not None and response.is_redirect:
        return redirected(response, action)
    if response is not None:
        status, reason = response.status_code, explained(response)
        step = HIDDEN if "already exists" in reason else NEXT_STEPS.get(status)
        return JenkinsError(status, reason, action, step, _retry_after(response))
    cause = _cause(error)
    if isinstance(cause, requests.exceptions.SSLError):
        return JenkinsError(None, f"the certificate is not trusted: {_first(cause)}", action, UNTRUSTED)
    return JenkinsError(None, f"no answer: {_first(cause)}", action, NOT_JENKINS)


def _chain(error: BaseException) -> Iterator[BaseException]:
    found: BaseException | None = error
    while found is not None:
        yield found
        found = found.__cause__ or found.__context__


def _response(error: Exception) -> requests.Response | None:
    """Find the server's answer, which python-jenkins leaves out of its own exception."""
    for each in _chain(error):
        if isinstance(each, requests.HTTPError) and each.response is not None:
            return each.response
    return None


def _cause(error: Exception) -> BaseException:
    return next((each for each in _chain(error) if isinstance(each, requests.RequestException)), error)


def _retry_after(response: requests.Response, now: Callable[[], float] = time.time) -> float | None:
    wait = retry_after_seconds(response.headers.get("Retry-After"), now())
    return None if wait is None else min(wait, LONGEST_WAIT)


def _text(page: str) -> str:
    """Return the text of a page, and keep the lines of a stack trace."""
    return html.unescape(re.sub(r"<[^>]*>", "\n", page))


def _words(page: str) -> str:
    scripts = r"<(script|style)\b.*?</\1>|<!--.*?-->"
    return " ".join(_text(re.sub(scripts, " ", page, flags=re.DOTALL)).split())[:LONGEST_REASON]


def _title(page: str) -> str:
    found = re.search(r"<title>(.*?)</title>", page, re.DOTALL)
    return _words(found[1]) if found else ""


def _first(error: BaseException) -> str:
    """Return what urllib3 found, without the names of its pools and objects."""
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    found = re.search(r"(?:\[Errno -?\d+\] |\[SSL: )([^'\")]+)", line)
    return found[0].partition(" (_ssl")[0].rstrip() if found else line
