"""Write today's output into the console blocks of pages: `python -m tests.docs.update [PAGE ...]`."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from tests.docs.console import updated
from tests.docs.pages import ROOT, typed_pages


@click.command()
@click.argument("pages", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def main(pages: tuple[Path, ...]) -> None:
    """Type every command line of PAGES, of all pages by default, and put right what they show."""
    for page in [page.resolve() for page in pages] or typed_pages():
        with tempfile.TemporaryDirectory() as directory:
            text = updated(page, Path(directory))
        changed = text != page.read_text()
        page.write_text(text)
        click.echo(f"{page.relative_to(ROOT)}: {'changed' if changed else 'is as it was'}")


if __name__ == "__main__":
    main()
