"""The identity of a seed file: the same in every checkout, and no two files share it by accident."""

import socket
import subprocess
from pathlib import Path

import pytest

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.jenkins.file_identity import identity_of, repository_name


def git(directory: Path, *words: str) -> None:
    subprocess.run(["git", "-C", str(directory), *words], check=True, capture_output=True, timeout=30)


def checkout(directory: Path, remote: str = "", name: str = "origin") -> Path:
    (directory / "deploy").mkdir(parents=True)
    git(directory, "init")
    if remote:
        git(directory, "remote", "add", name, remote)
    return directory / "deploy" / "vmss.yaml"


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/Org/shop.git",
        "https://me:secret@GitHub.com/Org/shop",
        "git@github.com:Org/shop.git",
        "github.com:Org/shop",
        "ssh://git@github.com:22/Org/shop.git/",
    ],
)
def test_each_protocol_user_and_port_names_the_same_repository(url: str) -> None:
    assert repository_name(url) == "github.com/Org/shop"


def test_a_repository_on_a_disk_is_named_with_its_machine() -> None:
    assert repository_name("/srv/git/shop.git") == f"{socket.gethostname().lower()}/srv/git/shop"
    assert repository_name("file:///srv/git/shop.git") == repository_name("/srv/git/shop.git")


def test_two_checkouts_of_a_repository_have_one_identity_and_two_repositories_two(tmp_path: Path) -> None:
    first = checkout(tmp_path / "a", "https://token@git.example.com/shop.git")
    second = checkout(tmp_path / "b", "git@git.example.com:shop.git", name="upstream")
    other = checkout(tmp_path / "c", "git@git.example.com:blog.git")
    assert identity_of(str(first)) == identity_of(str(second)) == "git.example.com/shop:deploy/vmss.yaml"
    assert identity_of(str(other)) == "git.example.com/blog:deploy/vmss.yaml"
    assert identity_of(str(first.parents[1] / "vmss.yaml")) == "git.example.com/shop:vmss.yaml"


def test_a_relative_path_and_the_directory_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = checkout(tmp_path, "git@git.example.com:shop.git")
    monkeypatch.chdir(file.parent)
    assert identity_of("vmss.yaml") == identity_of("../deploy/vmss.yaml") == identity_of(str(file))


def test_a_file_without_a_remote_is_named_by_its_machine_and_path(tmp_path: Path) -> None:
    for file in (tmp_path / "plain" / "vmss.yaml", checkout(tmp_path / "repository")):
        assert identity_of(str(file)) == f"{socket.gethostname()}:{file}"


def test_a_repository_that_git_cannot_read_is_an_error_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: nowhere")
    with pytest.raises(ConfigError, match=r"not a git repository.*--source NAME"):
        identity_of(str(tmp_path / "vmss.yaml"))


def test_without_git_the_error_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = checkout(tmp_path, "git@git.example.com:shop.git")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"git.*--source NAME"):
        identity_of(str(file))
