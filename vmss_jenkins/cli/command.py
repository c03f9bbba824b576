"""What every command is: options in groups, examples at the end of its help, and no empty values."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import click
import cloup

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""How help is asked for, and how wide it is; a command that runs alone needs it too."""


class _NonEmpty(click.Command):
    """A command that refuses empty values before it does anything."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            given, _, _ = self.make_parser(ctx).parse_args(list(args))
            for parameter in self.get_params(ctx):
                _refuse_empty(parameter, given, ctx)
        return super().parse_args(ctx, args)


class Command(_NonEmpty, cloup.Command):
    """A command.

    Args:
        examples: command lines, one a line; a line that begins with `#` explains the next one.
        changes: whether it changes something in Azure or Jenkins; then it has `--dry-run`.
    """

    def __init__(self, *arguments: Any, examples: str = "", changes: bool = False, **options: Any) -> None:  # noqa: ANN401 - click's
        super().__init__(*arguments, **options)
        self.examples = examples
        self.changes = changes

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Write the examples, each line as it is."""
        if self.examples:
            with formatter.section("Examples"):
                for line in self.examples.splitlines():
                    formatter.write(f"  {line}\n")


class Group(_NonEmpty, cloup.Group):
    """A command that has commands."""


def command(name: str, *, examples: str, changes: bool = False) -> Callable[[Callable[..., Any]], Command]:
    """Make a command of a function, as `click.command` does.

    Args:
        name: the name as typed.
        examples: as `Command`.
        changes: as `Command`.
    """
    return click.command(name, cls=Command, examples=examples, changes=changes, context_settings=CONTEXT)


def _refuse_empty(parameter: click.Parameter, given: Mapping[str, object], ctx: click.Context) -> None:
    """Refuse an empty value of the command line or of the environment variable.

    Raises:
        click.BadParameter: it names the option, or the variable, as it was typed.
    """
    value = given.get(parameter.name or "")
    values = value if isinstance(value, (list, tuple)) else [value]
    if any(isinstance(one, str) and not one.strip() for one in values):
        what = "argument" if isinstance(parameter, click.Argument) else "option"
        hint = " / ".join(map(repr, parameter.opts if what == "option" else [parameter.human_readable_name]))
        raise click.BadParameter(f"it is empty; give a value, or leave the {what} out", ctx, param_hint=hint)
    if any(isinstance(one, str) for one in values):
        return
    for variable in _variables(parameter):
        if variable in os.environ and not os.environ[variable].strip():
            raise click.BadParameter(
                "the environment variable is empty; set it to a value, or unset it", ctx, param_hint=variable
            )


def _variables(parameter: click.Parameter) -> list[str]:
    """The environment variables that an option takes its default from."""
    variable = parameter.envvar
    return [variable] if isinstance(variable, str) else list(variable or ())
