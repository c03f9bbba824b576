"""The files of `resolve-image`, which scripts read afterwards."""

from pathlib import Path

import pytest

from vmss_jenkins.__main__ import main
from vmss_jenkins.library import releases
from vmss_jenkins.library.releases import Lookup
from vmss_jenkins.model.images import ImageReference, ResolvedImage

NAMED = ImageReference(publisher="acme", offer="web", sku="1", version="latest")
RELEASE = ResolvedImage(NAMED, NAMED.at_version("1.0.1"))
COMMAND = ["resolve-image", "-g", "canary-rg", "-n", "web", "--unchanged-file"]


def test_the_file_that_says_there_is_nothing_to_roll_out_goes_when_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "unchanged.txt"
    monkeypatch.setattr(releases, "resolve_image", lambda *_, **__: Lookup(RELEASE, ("0",), (), {}))
    assert main([*COMMAND, str(file)]) == 0
    assert file.read_text() == (
        "Nothing to roll out: acme:web:1:latest means acme:web:1:1.0.1 now: 1 of 1 instances have it, 0 can get it.\n"
    )
    monkeypatch.setattr(releases, "resolve_image", lambda *_, **__: Lookup(RELEASE, (), ("0",), {}))
    for _ in range(2):
        assert main([*COMMAND, str(file), "--check"]) == 4
        assert not file.exists()
