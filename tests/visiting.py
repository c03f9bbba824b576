"""Steady traffic: visitors who ask all along, each time over a new connection, and what they met."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

TRIES = Retry(total=5, backoff_factor=0.05, status=0, other=0)
"""A refused or reset connection is tried again, as a browser does; an answer that came is final, whatever it says."""
PAUSE = 0.005
"""Seconds between two requests of a visitor."""


@dataclass
class Visits:
    """What the visitors met."""

    pages: Counter[str] = field(default_factory=Counter)
    """How often each title was seen; `HTTP 503` for an answer that is none."""
    failed: list[str] = field(default_factory=list)
    """Requests that no try got an answer for."""
    refused: int = 0
    """Requests whose first try was refused or reset."""

    def visit(self, session: requests.Session, url: str) -> None:
        """Ask once."""
        try:
            answer = session.get(url, headers={"Connection": "close"}, timeout=10)
        except requests.RequestException as error:
            self.failed.append(str(error))
            return
        self.refused += bool(answer.raw.retries and answer.raw.retries.history)
        found = re.search("<title>(.*)</title>", answer.text)
        self.pages[found[1] if found and answer.ok else f"HTTP {answer.status_code}"] += 1


@contextmanager
def visitors(url: str) -> Iterator[Visits]:
    """Ask a URL all along, until the end of the block."""
    visits, ended = Visits(), threading.Event()

    def visit_on() -> None:
        with requests.Session() as session:
            session.trust_env = False
            session.mount("http://", HTTPAdapter(max_retries=TRIES))
            while not ended.wait(PAUSE):
                visits.visit(session, url)

    visitor = threading.Thread(target=visit_on)
    visitor.start()
    try:
        yield visits
    finally:
        ended.set()
        visitor.join()
    assert visits.pages, "nobody asked"
