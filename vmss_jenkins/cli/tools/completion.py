"""`vmss-jenkins completion`: the script that completes commands and options in a shell."""

from __future__ import annotations

import click
import cloup

from vmss_jenkins.cli.command import command as make

VARIABLE = "_VMSS_JENKINS_COMPLETE"
"""By this environment variable the script asks for completions; click makes its name of the program's."""
EXAMPLES = """\
# bash, now; in ~/.bashrc, for every shell
eval "$(vmss-jenkins completion bash)"
# zsh, in ~/.zshrc after compinit
eval "$(vmss-jenkins completion zsh)"
# fish
vmss-jenkins completion fish > ~/.config/fish/completions/vmss-jenkins.fish
"""


@make("completion", examples=EXAMPLES)
@cloup.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), help="The shell.")
def command(shell: str) -> None:
    """Print the script that completes commands and options in a shell."""
    from click.shell_completion import get_completion_class  # noqa: PLC0415 - not loaded for --help

    made = get_completion_class(shell)
    if made is None:
        raise click.ClickException(f"this version of click does not complete in {shell}; upgrade it")
    root = click.get_current_context().find_root()
    click.echo(made(root.command, {}, root.info_name or "vmss-jenkins", VARIABLE).source())
