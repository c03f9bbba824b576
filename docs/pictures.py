"""Make the README's pictures: the example report in Chromium, and its rollout on a real terminal (tmux).

    python docs/pictures.py

It needs Debian's chromium and tmux, and takes about a minute. Run `docs/example_report.py` first.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

HERE = Path(__file__).parent
COLUMNS, ROWS = 80, 30
SESSION = "vmss-jenkins-picture"
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars"),
]
PAGE = """<html><body style="margin:0;background:#292929"><pre style="margin:14px;color:#c5c8c6;
font:14px/18px 'DejaVu Sans Mono',monospace">{code}</pre></body></html>"""


def photograph(url: str, to: Path, width: int, height: int) -> None:
    """Take a picture of a page."""
    with tempfile.TemporaryDirectory() as profile:
        size = (f"--window-size={width},{height}", f"--screenshot={to}")
        words = ["chromium", *FLAGS, f"--user-data-dir={profile}", *size, url]
        subprocess.run(words, check=True, capture_output=True)


def tmux(*words: str) -> str:
    """Run one command of tmux."""
    return subprocess.run(["tmux", *words], check=True, capture_output=True, text=True).stdout


def screen(directory: str) -> str:
    """Run the rollout on a terminal, and return the screen, with its colours, while the gate measures."""
    command = shlex.join([sys.executable, str(HERE / "example_report.py"), directory])
    tmux("new-session", "-d", "-s", SESSION, "-x", str(COLUMNS), "-y", str(ROWS), command)
    try:
        while "of 150 bad" not in (found := tmux("capture-pane", "-e", "-p", "-t", SESSION)):
            time.sleep(0.2)
    finally:
        tmux("kill-session", "-t", SESSION)
    return found


def main() -> None:
    """Make both."""
    photograph((HERE / "example-report" / "index.html").as_uri(), HERE / "report.png", 1000, 1130)
    with tempfile.TemporaryDirectory() as place:
        console = Console(record=True, width=COLUMNS, file=(Path(place) / "none").open("w"), force_terminal=True)
        console.print(Text.from_ansi(screen(place).rstrip("\n")))
        page = Path(place) / "terminal.html"
        html = console.export_html(theme=SVG_EXPORT_THEME, inline_styles=True, code_format=PAGE)
        page.write_text(html, encoding="utf-8")
        photograph(page.as_uri(), HERE / "terminal.png", 705, ROWS * 18 + 28)


if __name__ == "__main__":
    main()
