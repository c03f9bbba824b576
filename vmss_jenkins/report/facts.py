"""The details of a rollout at the top of every report, as pairs of a name and a text."""

from __future__ import annotations

from collections.abc import Iterator

from vmss_jenkins.model.releases import ExtensionSettings, Release
from vmss_jenkins.report.story import Story, duration


def facts(story: Story) -> tuple[tuple[str, str], ...]:
    """Return the details, the most important first."""
    return tuple(_facts(story))


def _facts(story: Story) -> Iterator[tuple[str, str]]:
    planned = story.planned
    yield "Scale set", str(planned.scale_set)
    yield "From", _image(planned.image_from, "unknown: every instance already had the new release")
    yield "To", _image(planned.image_to, "the release of the model")
    yield "Started by", planned.owner
    if planned.build:
        yield "Build", planned.build
    yield "Began", f"{story.began:%Y-%m-%d %H:%M:%S} UTC"
    yield "Took", f"{duration(story.seconds)}; timeout {duration(planned.timeout)}, and as long again for a rollback"
    yield "Instances", ", ".join(f"{number} {state.value}" for state, number in story.counts.items())
    if story.final:
        yield "At the end", f"{story.target.short_name if story.target else 'the release of the model'}: {story.final}"
    canary = f"{planned.canary} first, then " if planned.canary else ""
    limit = f"at most {planned.max_unavailable} down" if not planned.max_surge else f"up to {planned.max_surge} more"
    yield "Strategy", f"{canary}{planned.strategy}, {limit} at a time"
    yield "Most unavailable at once", str(story.most_down)
    yield "Requests to Azure", f"{story.calls}" + (f", {story.retries} retried" if story.retries else "")


def _image(image: Release | None, otherwise: str) -> str:
    """The short name first, since an id is long."""
    if image is None:
        return otherwise
    if isinstance(image, ExtensionSettings):
        return _script(image)
    return str(image) if image.short_name == str(image) else f"{image.short_name}, {image}"


def _script(script: ExtensionSettings) -> str:
    """The URLs and the command, or the application's version; never the text of an inline script, which may be long."""
    if script.is_application:
        return f"{script.short_name}, application {script.name}"
    urls = script.values.get("fileUris") or filter(None, [script.signed_url])
    parts = [script.short_name, *map(str, urls), str(script.values.get("commandToExecute") or "")]
    return ", ".join([*filter(None, dict.fromkeys(parts)), f"extension {script.name}"])
