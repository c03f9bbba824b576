"""Finds what would stop the jobs on a server, before anything is written. Values only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from vmss_jenkins.jenkins.plan.job_paths import ancestors
from vmss_jenkins.jenkins.plan.jobs import JobSpec
from vmss_jenkins.model.findings import Finding, Severity

ALLOW_MISSING_CREDENTIALS = "--allow-missing-credentials"
ALLOW_OLDER_PLUGINS = "--allow-older-plugins"


def plugin_findings(specs: Sequence[JobSpec], installed: Mapping[str, str] | None) -> tuple[Finding, ...]:
    """Find the plugins that are missing or too old.

    Args:
        specs: the jobs.
        installed: the active plugins and their versions; None if the user may not see them.
    """
    needed: dict[str, str] = {}
    for spec in specs:
        for name, least in spec.plugins.items():
            needed[name] = max(needed.get(name, ""), least, key=version_key)
    if installed is None:
        text = f"this user may not see the plugins; the jobs need {', '.join(sorted(needed)) or 'none'}"
        return (Finding(Severity.WARNING, text),)
    found = (_plugin(name, least, installed.get(name)) for name, least in sorted(needed.items()))
    return (*(finding for finding in found if finding is not None), *_optional(specs, installed))


def version_key(version: str) -> tuple[int, ...]:
    """Order plugin versions by the numbers at their start.

    Jenkins has `1.31`, `5.3.0-1`, and since 2021 `1342.v046651d5b_dfe`, whose letters name a commit.
    """
    numbers: list[int] = []
    for part in re.split(r"[.-]", version):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


def credential_findings(specs: Iterable[JobSpec], seen: Mapping[str, frozenset[str] | None]) -> tuple[Finding, ...]:
    """Find the credentials that the jobs need and the server does not have.

    Args:
        specs: the jobs.
        seen: the ids by folder, those of the server under ""; None if the user may not see them.
    """
    needed: dict[tuple[str, tuple[str, ...]], str] = {}
    for spec in specs:
        for each in filter(None, (spec.credentials_id, *spec.secrets)):
            needed.setdefault((each, ("", *ancestors(spec.path))), spec.path)
    findings = (_credential(name, [seen.get(each) for each in stores], job) for (name, stores), job in needed.items())
    return tuple(dict.fromkeys(each for each in findings if each is not None))


def markup_findings(specs: Iterable[JobSpec], *, shows_html: bool | None) -> tuple[Finding, ...]:
    """Find descriptions of builds that the server shows in another way than they are written.

    Args:
        specs: the jobs.
        shows_html: whether the server shows tags in descriptions as HTML; None if it does not tell.
    """
    kinds = {spec.html for spec in specs}
    texts = {
        (
            True,
            False,
        ): "the jobs have `safe_html: true`, and this server shows tags in descriptions as text; choose the "
        "markup formatter Safe HTML (Manage Jenkins, Security), or remove `safe_html` from vmss.yaml",
        (True, None): "the jobs have `safe_html: true`, and this server does not tell whether it shows HTML in "
        "descriptions; look whether the markup formatter is Safe HTML (Manage Jenkins, Security)",
        (
            False,
            True,
        ): "this server shows HTML in descriptions, so parts of a build's description, such as an error, may be "
        "taken for tags; set `safe_html: true` under `jenkins` in vmss.yaml: then they are text, with a link to the "
        "next job",
    }
    return tuple(
        Finding(Severity.WARNING, text)
        for (html, shown), text in texts.items()
        if html in kinds and shown is shows_html
    )


def _optional(specs: Sequence[JobSpec], installed: Mapping[str, str]) -> Iterable[Finding]:
    losses = {name: loss for spec in specs for name, loss in spec.useful.items() if name not in installed}
    return (Finding(Severity.NOTE, f"plugin {name} is missing: {loss}") for name, loss in sorted(losses.items()))


def _plugin(name: str, least: str, found: str | None) -> Finding | None:
    where = "(Manage Jenkins, Plugins)"
    if found is None:
        wanted = f"version {least} or newer" if least else "any version"
        return Finding(Severity.IMPOSSIBLE, f"plugin {name} is missing or not active; wanted {wanted} {where}")
    if version_key(found) < version_key(least):
        text = f"plugin {name} has version {found}; wanted {least} or newer: the jobs were tested with that {where}"
        return Finding(Severity.UNSAFE, text, ALLOW_OLDER_PLUGINS)
    return None


def _credential(name: str, stores: Sequence[frozenset[str] | None], job: str) -> Finding | None:
    ids = frozenset[str]().union(*(store for store in stores if store is not None))
    if name in ids:
        return None
    if None in stores:
        return Finding(Severity.WARNING, f"this user may not see whether the credentials {name!r} exist")
    found = f"found {', '.join(sorted(ids))}" if ids else "found none"
    text = f"{job} needs the credentials {name!r}, which the global domain of the server and its folders do not have: "
    return Finding(Severity.UNSAFE, text + found, ALLOW_MISSING_CREDENTIALS)
