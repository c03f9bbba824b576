"""Renders pipelines as Jenkinsfiles, with Jinja2 templates that a user can replace."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import jinja2

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.pipelines import groovy
from vmss_jenkins.pipelines.commands import IMAGE_FILE, NEXT, RECORD, RELEASE, REPORT, SUMMARY
from vmss_jenkins.pipelines.model import DATA, ERROR, LINK, RELEASE_NAME, UNCHANGED, VERSION, Pipeline
from vmss_jenkins.pipelines.pair_commands import PENDING

TEMPLATE = "jenkinsfile.groovy.j2"
"""The template of all jobs; it includes the others."""


def jenkinsfile(pipeline: Pipeline, templates: Mapping[str, str] | None = None) -> str:
    """Render the Jenkinsfile of a pipeline.

    Args:
        pipeline: the job.
        templates: a user's templates by name, used in place of ours; they can include ours as `default/NAME`.

    Raises:
        ConfigError: if a template is wrong, or prints a value without a filter that makes it Groovy.
    """
    own = tuple(sorted((templates or {}).items()))
    try:
        template = _environment(own).get_template(TEMPLATE)
        named = {"record": RECORD, "next_file": NEXT, "report": REPORT, "summary": SUMMARY, "image_file": IMAGE_FILE}
        named |= {
            "unchanged": UNCHANGED,
            "release": RELEASE,
            "release_name": RELEASE_NAME,
            "pending": PENDING,
            "error": ERROR,
            "link": LINK,
            "version": VERSION,
            "tests": f"{DATA}/*.xml",
        }
        return template.render(pipeline=pipeline, **named)
    except jinja2.TemplateSyntaxError as error:
        raise ConfigError(f"template {error.name}", [f"line {error.lineno}: {error.message}"]) from error
    except (jinja2.TemplateError, _NotGroovyError) as error:
        raise ConfigError("template", [str(error)]) from error


class _NotGroovyError(Exception):
    """A template prints a value that could be code."""


def _only_groovy(value: object) -> object:
    """Let a template print Groovy, and no plain value that a user typed."""
    if isinstance(value, groovy.Code | jinja2.Undefined):
        return value
    raise _NotGroovyError(
        f"found {value!r} printed without a filter; add the filter groovy (a literal), script (a literal that keeps "
        "its lines) or comment"
    )


@lru_cache(maxsize=8)
def _environment(own: tuple[tuple[str, str], ...]) -> jinja2.Environment:
    ours = jinja2.PackageLoader("vmss_jenkins.pipelines", "templates")
    environment = jinja2.Environment(  # noqa: S701 - what is rendered is Groovy, and `finalize` escapes more than HTML
        loader=jinja2.ChoiceLoader([jinja2.DictLoader(dict(own)), ours, jinja2.PrefixLoader({"default": ours})]),
        undefined=jinja2.StrictUndefined,
        finalize=_only_groovy,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,
    )
    environment.filters |= {
        "groovy": groovy.literal,
        "script": groovy.script,
        "comment": groovy.comment,
        "seconds": _whole_seconds,
        "step": _step,
    }
    return environment


def _whole_seconds(seconds: float) -> groovy.Code:
    return groovy.Code(str(max(1, round(seconds))))


def _step(name: object) -> groovy.Code:
    """Print a name of the model: of a parameter, or of a step."""
    text = str(name)
    if not (text.isascii() and text.isidentifier()):
        raise _NotGroovyError(f"found the name {text!r}; wanted letters, digits and '_'")
    return groovy.Code(text)
