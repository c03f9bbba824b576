"""The identity of a seed file, by which a server's jobs are known to come from it.

A path is no identity: many repositories have a `vmss.yaml`. The URL of the git repository with the path in it is one,
and every checkout of the repository has it, on a laptop and in a CI job. A file outside of a repository with a remote
is named by its machine and its absolute path.
"""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from vmss_jenkins.errors import ConfigError

GIT_TIMEOUT = 30
"""Seconds for an answer of git, which reads local files only."""
_SCP_LIKE = re.compile(r"(?:[^@/:]+@)?(?P<host>[^/:]{2,}):(?!//)(?P<path>.+)")
"""`user@host:path`, as ssh remotes are often written."""


def identity_of(file: str) -> str:
    """Return the identity of a file: `github.com/org/repository:path/vmss.yaml`, or `machine:/path/vmss.yaml`.

    Raises:
        ConfigError: if the file is in a git repository, and git cannot read that.
    """
    path = Path(file).resolve()
    if not any((parent / ".git").exists() for parent in path.parents):
        return f"{socket.gethostname()}:{path}"
    prefix = _git(path.parent, "rev-parse", "--show-prefix")
    remotes = _git(path.parent, "remote").split()
    if not remotes:
        return f"{socket.gethostname()}:{path}"
    remote = "origin" if "origin" in remotes else remotes[0]
    return f"{repository_name(_git(path.parent, 'remote', 'get-url', remote))}:{prefix}{path.name}"


def repository_name(url: str) -> str:
    """Name a git repository, the same for each protocol and user: `https://me:secret@host/a/b.git` is `host/a/b`."""
    found = None if "://" in url else _SCP_LIKE.fullmatch(url)
    parts = urlsplit(url)
    host = found["host"] if found else parts.hostname or socket.gethostname()
    path = found["path"] if found else parts.path
    return f"{host.lower()}/{path.strip('/').removesuffix('.git')}"


def _git(directory: Path, *words: str) -> str:
    command = ["git", "-C", str(directory), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_TIMEOUT, check=False)  # noqa: S603 - the words are ours
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _unknown(directory, str(error)) from error
    if done.returncode:
        raise _unknown(directory, " ".join(done.stderr.split()))
    return done.stdout.strip()


def _unknown(directory: Path, found: str) -> ConfigError:
    reason = f"git could not read the repository of the file: {found}; name the file yourself: --source NAME"
    return ConfigError(str(directory), [reason])
