"""The site: its links, and that it asks no other host for anything. `make docs` builds it, strictly."""

from __future__ import annotations

import re
import runpy
from collections.abc import Callable
from typing import Any

import pytest

from tests.docs.pages import DOCS, ROOT, all_pages

HOOKS: dict[str, Any] = runpy.run_path(str(DOCS / "site_hooks.py"))
relinked: Callable[[str, str], str] = HOOKS["relinked"]
outside: Callable[[str, str], list[str]] = HOOKS["outside"]
NAV = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]


@pytest.mark.parametrize(
    ("page", "link", "there"),
    [
        ("index.md", "docs/tutorial.md", "tutorial.md"),
        ("index.md", "docs/gates.md#try", "gates.md#try"),
        ("index.md", "benchmarks/README.md", "figures.md"),
        ("tutorial.md", "../README.md", "index.md"),
        ("tutorial.md", "../examples/vmss.yaml", "examples/vmss.yaml"),
        ("reference/errors.md", "../gates.md", "../gates.md"),
        ("contributing.md", "docs/architecture.md", "architecture.md"),
        ("tutorial.md", "gates.md", "gates.md"),
        ("tutorial.md", "../Makefile", "../Makefile"),
        ("tutorial.md", "https://example.com/docs/a.md", "https://example.com/docs/a.md"),
        ("tutorial.md", "#here", "#here"),
    ],
)
def test_links_that_work_in_the_repository_work_on_the_site(page: str, link: str, there: str) -> None:
    assert relinked(f"[text]({link})", page) == f"[text]({there})"


def test_pictures_of_the_readme_are_found_on_the_site() -> None:
    picture = '<source srcset="docs/a.svg"><img src="docs/b.svg">'
    assert relinked(picture, "index.md") == '<source srcset="a.svg"><img src="b.svg">'


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ('<script src="https://unpkg.com/mermaid"></script>', ".html"),
        ('<link rel="stylesheet" href="//fonts.example/css">', ".html"),
        ('<link rel="preconnect" href="https://fonts.example">', ".html"),
        ('<img src="http://example.com/a.png">', ".html"),
        ('<source srcset="http://example.com/a.png">', ".html"),
        ("<style>@import 'https://example.com/a.css'</style>", ".html"),
        ("a { background: url(https://example.com/a.png) }", ".css"),
        ('@import "//example.com/a.css";', ".css"),
    ],
)
def test_what_another_host_would_be_asked_for_is_found(text: str, suffix: str) -> None:
    assert len(outside(text, suffix)) == 1


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ('<a href="https://example.com">a link</a><img src="a.png"><script src="../a.js"></script>', ".html"),
        ('<link rel="canonical" href="https://example.com/">', ".html"),
        ("a { background: url('data:image/svg+xml;utf8,<svg>') } b { mask: url(a.svg) }", ".css"),
    ],
)
def test_links_to_follow_and_files_of_the_site_are_nothing_to_ask_for(text: str, suffix: str) -> None:
    assert outside(text, suffix) == []


def test_every_page_is_in_the_navigation() -> None:
    names = {path: name for path, name in HOOKS["OUTSIDE"].items() if name.endswith(".md")}
    pages = {str(page.relative_to(ROOT)) for page in all_pages()}
    expected = {names.get(page, page.removeprefix("docs/")) for page in pages}
    assert sorted(re.findall(r": (\S+\.md)$", NAV, re.MULTILINE)) == sorted(expected)
