"""The report's page in real Chromium, served as Jenkins serves archived files; needs Chromium and Node."""

import functools
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.report.test_report import BAD, hostile
from tests.support.stories import thousand
from vmss_jenkins.report.fleet import Row
from vmss_jenkins.report.html import page
from vmss_jenkins.report.story import Story
from vmss_jenkins.report.story_builder import story_of

ROOT = Path(__file__).parents[2]
MODULES = ROOT / ".venv" / "node" / "node_modules"
CHROMIUM = shutil.which("chromium")
MISSING = [name for name, there in {
    "chromium": CHROMIUM, "node": shutil.which("node"),
    "playwright-core and axe-core (`.ci/run` installs them)": (MODULES / "axe-core").exists(),
}.items() if not there]  # fmt: skip
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")

POLICY = "sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self';"
"""The policy of Jenkins for archived files, as recorded on a real server."""
SERIOUS = ("serious", "critical")
MEGABYTE = 1_000_000

__all__ = ["hostile"]


class _AsJenkins(SimpleHTTPRequestHandler):
    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def do_GET(self) -> None:
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *_words: object) -> None:
        """Log nothing."""


LAST = "2026-11-27 14:00 UTC rolled out (nginx-updated-image) by deploy/web-full: rollout of nginx-updated-image"
FLEET = [
    Row("canary-rg/web", "nginx-base-image", 3, 3, 3, last=LAST),
    Row(
        "production-westeurope-rg/storefront-web", "storefront-2026.11.27", 40, 38, 37, "2 storefront-2026.11.20", LAST
    ),
    Row("canary-rg/ill", "nginx-updated-image", 4, 4, 1, note="upgrade mode Automatic; no instance health reported"),
    Row(
        "canary-rg/<b>",
        error="could not read <i>: AuthorizationFailed: Microsoft.Compute/virtualMachineScaleSets/virtualMachines/read",
    ),
]
WORST_FIRST = ["canary-rg/<b>", "canary-rg/ill", "production-westeurope-rg/storefront-web", "canary-rg/web"]


def write(pages: Mapping[str, str], directory: Path) -> None:
    directory.mkdir()
    for name, text in pages.items():
        (directory / name).write_text(text)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, hostile: Story) -> dict[str, dict[str, Any]]:
    """What Chromium sees of each page; one browser opens them all."""
    place = tmp_path_factory.mktemp("pages")
    write(page.pages(story_of(BAD[1])), place / "bad")
    write(page.pages(hostile), place / "hostile")
    write(page.pages(story_of(thousand())), place / "large")
    write(page.fleet_pages(FLEET, "vmss.yaml", "now"), place / "fleet")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_AsJenkins, directory=str(place)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    wide: dict[str, Any] = {"width": 1200, "dark": False}
    asked = {
        "light": {**wide, "url": f"{base}/bad/index.html"},
        "dark": {**wide, "url": f"{base}/bad/index.html", "dark": True},
        "phone": {**wide, "url": f"{base}/bad/index.html", "width": 390},
        "hostile": {**wide, "url": f"{base}/hostile/index.html"},
        "large": {**wide, "url": f"{base}/large/index.html"},
        "fleet": {**wide, "url": f"{base}/fleet/index.html", "width": 1280},
        "fleet dark": {**wide, "url": f"{base}/fleet/index.html", "width": 1280, "dark": True},
        "fleet phone": {**wide, "url": f"{base}/fleet/index.html", "width": 390},
        "axe fleet phone": {**wide, "url": f"{base}/fleet/index.html", "width": 390, "axe": True, "dark": True},
        "axe fleet": {**wide, "url": f"{base}/fleet/index.html", "axe": True},
        "axe light": {**wide, "url": f"{base}/bad/index.html", "axe": True},
        "axe dark": {**wide, "url": f"{base}/hostile/index.html", "dark": True, "axe": True},
    }
    shots = os.environ.get("SCREENSHOTS")
    pages = [{**one, "shot": name.replace(" ", "-")} for name, one in asked.items()]
    words = json.dumps({"chromium": CHROMIUM, "shots": shots, "pages": pages})
    environment = {**os.environ, "NODE_PATH": str(MODULES), "TMPDIR": str(place)}
    look = ["node", str(Path(__file__).parent / "browser" / "look.cjs"), words]
    done = subprocess.run(look, env=environment, capture_output=True, text=True, check=False, timeout=120)
    server.shutdown()
    server.server_close()
    assert done.returncode == 0, done.stderr
    found = dict(zip(asked, json.loads(done.stdout), strict=True))
    found["large"]["bytes"] = sum(file.stat().st_size for file in (place / "large").iterdir())
    return found


@pytest.mark.parametrize("name", ["light", "dark", "phone", "hostile", "large"])
def test_the_policy_of_jenkins_blocks_nothing_on_the_page(seen: dict[str, dict[str, Any]], name: str) -> None:
    page = seen[name]
    assert page["complaints"] == []
    assert page["styled"]
    assert page["pictures"]
    assert all(complete for _, complete in page["pictures"])
    assert page["scripts"] == 0


def test_the_page_follows_dark_mode(seen: dict[str, dict[str, Any]]) -> None:
    assert seen["dark"]["ground"] != seen["light"]["ground"]
    assert [name for name, _ in seen["dark"]["pictures"]] == ["timeline-dark.svg", "gate-1-dark.svg", "gate-2-dark.svg"]


@pytest.mark.parametrize("name", ["light", "phone", "hostile", "fleet", "fleet phone"])
def test_the_page_is_not_wider_than_the_screen(seen: dict[str, dict[str, Any]], name: str) -> None:
    assert seen[name]["wide"] == 0


@pytest.mark.parametrize("name", ["axe light", "axe dark", "axe fleet", "axe fleet phone"])
def test_axe_finds_nothing_serious(seen: dict[str, dict[str, Any]], name: str) -> None:
    assert [one for one in seen[name]["violations"] if one.startswith(SERIOUS)] == []


@pytest.mark.parametrize("name", ["fleet", "fleet dark", "fleet phone"])
def test_the_page_of_a_fleet_shows_every_cell_whole_and_the_worst_set_first(
    seen: dict[str, dict[str, Any]], name: str
) -> None:
    page = seen[name]
    assert page["complaints"] == []
    assert page["cut"] == []
    places = [page["text"].index(one) for one in WORST_FIRST]
    assert places == sorted(places)
    assert all(cell in page["text"] for row in FLEET for cell in row.cells)


def test_markup_in_names_is_shown_as_text(seen: dict[str, dict[str, Any]]) -> None:
    assert "<script>alert(1)</script>" in seen["hostile"]["text"]
    assert "canary-rg/<b>" in seen["axe fleet"]["text"]


def test_the_page_of_a_thousand_instances_is_small_and_paints_soon(seen: dict[str, dict[str, Any]]) -> None:
    """The limit of time is wide enough for a busy machine, and still finds a page that never paints."""
    assert seen["large"]["bytes"] < 2 * MEGABYTE
    assert seen["large"]["painted"] < 10_000
