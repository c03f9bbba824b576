"""`vmss-jenkins verify`: ask gates whether a release is good."""

from __future__ import annotations

import click

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.options import print_json, target_options, tell
from vmss_jenkins.gates.parsing import gates_from
from vmss_jenkins.model.instances import InstanceIds


@click.command("verify")
@target_options
@click.option(
    "--gate",
    "gates",
    multiple=True,
    required=True,
    metavar="'KIND KEY=VALUE ...'",
    help="A gate, quoted as one word; several are asked in their order.",
)
@click.option("--instance-ids", help="Comma-separated instance ids, or '*' for all.  [default: with the latest model]")
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=3600.0,
    show_default=True,
    help="Seconds after which nothing is measured again.",
)
@click.option(
    "--output", type=click.Choice(["text", "json"]), default="text", help="Result on standard output as JSON."
)
def command(
    resource_group: str,
    name: str,
    subscription: str | None,
    endpoint: str | None,
    gates: tuple[str, ...],
    instance_ids: str | None,
    timeout: float,
    output: str,
) -> int:
    """Ask gates whether the instances with the new release are good.

    \b
    --gate 'instance-health steady=30s timeout=5m'
    --gate 'http path=/health expect-status=200 expect-text="Welcome" samples=100 share=99%'
    --gate 'http via=nat port=80 release-text=v2 percentile=p95 max-latency=300ms'
    --gate 'http via=ssh ssh-user=azureuser'
    --gate 'compare via=private error-margin=1% max-slowdown=1.25'
    --gate 'command run="./check.sh --fast" timeout=2m'

    `via` is frontend (the load balancer), private, public, nat or ssh (each instance). A command is told by
    VMSS_RESOURCE_GROUP, VMSS_NAME, VMSS_IMAGE, VMSS_INSTANCE_IDS and VMSS_STAGE, and says by its exit code: 0 passed,
    75 inconclusive, any other failed.

    Exits 0 where all passed, else 1.
    """  # noqa: D301 - click's mark for lines that stay as they are
    gates_from(gates)
    if instance_ids is not None:
        InstanceIds.parse(instance_ids)
    from vmss_jenkins.library.steps import verify  # noqa: PLC0415 - bad input is told before anything is loaded

    assessment = verify(
        resource_group,
        name,
        gates,
        instance_ids=instance_ids,
        connection=Connection(subscription, endpoint=endpoint),
        timeout=timeout,
        on_event=tell,
    )
    if output == "json":
        print_json(assessment)
    return int(not assessment.passed)
