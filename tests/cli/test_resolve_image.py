"""The files of `resolve-image`, which scripts read afterwards."""

from pathlib import Path

import pytest

from vmss_jenkins.__main__ import main
from vmss_jenkins.cli.sets.release_file import read_release, write_release
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.library import releases
from vmss_jenkins.library.releases import Lookup
from vmss_jenkins.model.images import ImageReference, ResolvedImage
from vmss_jenkins.model.release_log import ROLLED_BACK, Record

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


OTHER = ImageReference(publisher="acme", offer="db", sku="1", version="1.0.1")


@pytest.mark.parametrize(
    "release", [RELEASE, ResolvedImage(NAMED, RELEASE.exact, floats=True), ResolvedImage(OTHER, OTHER)]
)
def test_a_release_is_read_as_it_was_written(release: ResolvedImage, tmp_path: Path) -> None:
    write_release(tmp_path / "release.json", release)
    assert read_release(tmp_path / "release.json", None) == release
    assert read_release(tmp_path / "release.json", release.exact) == release
    assert read_release(tmp_path / "release.json", release.named) == release


@pytest.mark.parametrize(("named", "exact"), [(NAMED, OTHER), (OTHER, RELEASE.exact)])
def test_a_file_with_another_release_than_it_names_is_refused(
    named: ImageReference, exact: ImageReference, tmp_path: Path
) -> None:
    write_release(tmp_path / "release.json", ResolvedImage(named, exact))
    with pytest.raises(ConfigError, match="is no version of"):
        read_release(tmp_path / "release.json", None)


def test_a_file_that_says_otherwise_of_the_model_than_the_option_is_refused(tmp_path: Path) -> None:
    file, floats = tmp_path / "release.json", ResolvedImage(NAMED, RELEASE.exact, floats=True)
    for release, says, other in ((RELEASE, "pin", "float"), (floats, "float", "pin")):
        write_release(file, release)
        assert read_release(file, None, says) == release
        with pytest.raises(ConfigError, match=f"--moving-image: found {other}, and .* says {says}; leave it out"):
            read_release(file, None, other)
    exact = ResolvedImage(OTHER, OTHER)
    write_release(file, exact)
    assert read_release(file, None, "float") == exact, "an exact name is neither"


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"named": "a:b:c:latest"}'])
def test_a_file_of_another_kind_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "release.json").write_text(text)
    with pytest.raises(ConfigError, match="is not a file that `vmss-jenkins resolve-image` wrote"):
        read_release(tmp_path / "release.json", None)


@pytest.mark.parametrize(
    ("release", "pending", "new"),
    [(RELEASE, ("0",), False), (ResolvedImage(OTHER, OTHER), ("0",), True), (ResolvedImage(OTHER, OTHER), (), False)],
)
def test_a_version_that_was_rolled_back_is_new_only_if_its_exact_name_is_given(
    release: ResolvedImage, pending: tuple[str, ...], new: bool
) -> None:
    back = Record("1", 0.0, ROLLED_BACK, "", str(release.exact), "ada", back=True)
    assert Lookup(release, (), pending, {}, back).is_new is new
