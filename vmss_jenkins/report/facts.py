"""The facts of a rollout that every report begins with, as pairs of a name and a text."""

from __future__ import annotations

from collections.abc import Iterator

from vmss_jenkins.model.releases import ExtensionSettings, Release
from vmss_jenkins.report.story import Story, duration


def facts(story: Story) -> tuple[tuple[str, str], ...]:
    """Name them, in the order in which they are asked for."""
    return tuple(_facts(story))


def _facts(story: Story) -> Iterator[tuple[str, str]]:
    planned = story.planned
    yield "Scale set", str(planned.scale_set)
    yield "From", _image(planned.image_from, "not known: every instance had the new one")
    yield "To", _image(planned.image_to, "what the model has")
    yield "By", planned.owner
    if planned.build:
        yield "Build", planned.build
    yield "Began", f"{story.began:%Y-%m-%d %H:%M:%S} UTC"
    yield "Took", f"{duration(story.seconds)} of {duration(planned.timeout)} allowed for each way"
    yield "Instances", ", ".join(f"{number} {state.value}" for state, number in story.counts.items())
    canary = f"{planned.canary} first, then " if planned.canary else ""
    most = f"at most {planned.max_unavailable} down" if not planned.max_surge else f"up to {planned.max_surge} more"
    yield "Way", f"{canary}{planned.strategy}, {most} at a time"
    yield "Most down at a time", str(story.most_down)
    yield "Requests to Azure", f"{story.calls}" + (f", {story.retries} put off and made again" if story.retries else "")


def _image(image: Release | None, otherwise: str) -> str:
    """Its name first, since an id is long."""
    if image is None:
        return otherwise
    if isinstance(image, ExtensionSettings):
        return _script(image)
    return str(image) if image.short_name == str(image) else f"{image.short_name}, {image}"


def _script(script: ExtensionSettings) -> str:
    """Where it is read and what it runs; one in the settings may be long, and is packed."""
    urls = script.values.get("fileUris") or filter(None, [script.signed_url])
    told = [script.short_name, *map(str, urls), str(script.values.get("commandToExecute") or "")]
    return ", ".join([*filter(None, dict.fromkeys(told)), f"extension {script.name}"])
