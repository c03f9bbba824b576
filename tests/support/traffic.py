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

    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def total(self) -> int:
        """How many requests there were."""
        return len(self.failed) + self.pages.total()

    @property
    def bad(self) -> int:
        """How many had no answer, or none that is a page."""
        return len(self.failed) + sum(count for title, count in self.pages.items() if title.startswith("HTTP"))

    def visit(self, session: requests.Session, url: str) -> None:
        """Ask once."""
        try:
            answer = session.get(url, headers={"Connection": "close"}, timeout=10)
        except requests.RequestException as error:
            with self.lock:
                self.refused += 1
                self.failed.append(str(error))
            return
        found = re.search("<title>(.*)</title>", answer.text)
        with self.lock:
            self.refused += bool(answer.raw.retries and answer.raw.retries.history)
            self.pages[found[1] if found and answer.ok else f"HTTP {answer.status_code}"] += 1


@contextmanager
def visitors(url: str, count: int = 1, pause: float = PAUSE) -> Iterator[Visits]:
    """Ask a URL all along, until the end of the block.

    Args:
        url: what is asked.
        count: how many visitors there are.
        pause: seconds between two requests of one of them.
    """
    visits, ended = Visits(), threading.Event()

    def visit_on() -> None:
        with requests.Session() as session:
            session.trust_env = False
            session.mount("http://", HTTPAdapter(max_retries=TRIES))
            while not ended.wait(pause):
                visits.visit(session, url)

    threads = [threading.Thread(target=visit_on) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield visits
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert visits.pages, "nobody asked"
