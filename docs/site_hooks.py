"""Hooks of MkDocs: pages from outside of docs/, links to them, diagrams, and no request to any other host.

README.md and its like are pages of the repository first. The site has them too, under names of its own. In all pages,
a link is relative to the file that it is in, so that it works on a forge; here it is made to work on the site.
"""

from __future__ import annotations

import html
import posixpath
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "LICENSE": "LICENSE.txt",
    "benchmarks/README.md": "figures.md",
    "examples/vmss.yaml": "examples/vmss.yaml",
}
"""Files of the repository that the site shows, and their names there."""
VENDORED = ROOT / ".venv" / "node" / "site"
"""Where `make docs` puts scripts of others: without npm, diagrams show as code, and search wants a server."""
SCRIPTS = ("iframe-worker.js", "mermaid.js")
IN_REPOSITORY = {name: path for path, name in OUTSIDE.items()}
LINK = re.compile(r'(\]\(|(?:src|srcset)=")([^)#\s":]+)(?=[)#"])')
LOADED = {"script": "src", "img": "src", "source": "srcset", "iframe": "src", "link": "href"}
"""Elements by which a page loads something, and the attribute that says what."""
HARMLESS = {"canonical", "prev", "next"}
"""Kinds of <link> that load nothing."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Draw Mermaid's diagrams by the vendored script, if it is there."""
    fence = {"name": "mermaid", "class": "mermaid" if _vendored("mermaid.js") else "diagram", "format": diagram}
    config.mdx_configs.setdefault("pymdownx.superfences", {})["custom_fences"] = [fence]
    return config


def diagram(source: str, _language: str, css_class: str, _options: object, _md: object, **_rest: object) -> str:
    """Write a diagram's text as it is; Mermaid takes its place in the browser."""
    return f'<pre class="{css_class}"><code>{html.escape(source)}</code></pre>'


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files from outside of docs/ and the vendored scripts."""
    from mkdocs.structure.files import File  # noqa: PLC0415 - tests read this file without MkDocs

    for path, name in OUTSIDE.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / path)))
    for name in SCRIPTS:
        files.append(File.generated(config, f"assets/{name}", content=_vendored(name)))
    return files


def _vendored(name: str) -> str:
    return (VENDORED / name).read_text(encoding="utf-8") if (VENDORED / name).exists() else ""


def on_page_markdown(markdown: str, page: Page, **_rest: object) -> str:
    """Let links lead to the site's names, and give a diagram the room of the table of contents."""
    if "```mermaid" in markdown:
        page.meta.setdefault("hide", ["toc"])
    return relinked(markdown, page.file.src_uri)


def relinked(markdown: str, name: str) -> str:
    """Turn links of a page that work in the repository into links that work on the site.

    Args:
        markdown: the page's text.
        name: the page's name on the site.
    """
    here = posixpath.dirname(IN_REPOSITORY.get(name, f"docs/{name}"))

    def turned(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(here, match[2]))
        there = OUTSIDE.get(path, path.removeprefix("docs/"))
        if path not in OUTSIDE and not path.startswith("docs/"):
            return match[0]
        return match[1] + posixpath.relpath(there, posixpath.dirname(name) or ".")

    return LINK.sub(turned, markdown)


def on_page_content(content: str, page: Page, **_rest: object) -> str:
    """Load Mermaid on pages that have a diagram: it has three megabytes."""
    if '<pre class="mermaid">' not in content:
        return content
    top = "../" * page.file.src_uri.count("/")
    return f'{content}<script src="{top}assets/mermaid.js"></script>'


def on_post_build(config: MkDocsConfig) -> None:
    """Fail if a page or a style loads anything from another host."""
    from mkdocs.exceptions import PluginError  # noqa: PLC0415 - tests read this file without MkDocs

    found = []
    for path in sorted(Path(config.site_dir).rglob("*")):
        if path.suffix in {".html", ".css", ".svg"}:
            found += [f"{path}: {url}" for url in outside(path.read_text(encoding="utf-8"), path.suffix)]
    if found:
        raise PluginError("the site loads something from another host:\n" + "\n".join(found))


def outside(text: str, suffix: str) -> list[str]:
    """List what a file of the site loads from other hosts."""
    loads = re.findall(r"""(?:url\(|@import)\s*["']?([^"')\s;]+)""", text)
    if suffix == ".html":
        parser = _Loads()
        parser.feed(text)
        loads += parser.found
    return [url for url in loads if re.match(r"(https?:)?//", url)]


class _Loads(HTMLParser):
    """Collects what a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        url = given.get(LOADED.get(tag, ""))
        if url and not (tag == "link" and given.get("rel") in HARMLESS):
            self.found.append(url)
