"""`vmss-jenkins verify`: ask gates whether the instances with the new release are healthy."""

from __future__ import annotations

import click
from cloup import option_group

from vmss_jenkins.azure.connection import Connection
from vmss_jenkins.cli.build import keep_reason
from vmss_jenkins.cli.command import command as make
from vmss_jenkins.cli.options import (
    GATE,
    MOST_USED,
    azure_options,
    log_line,
    name,
    output_options,
    print_json,
    resource_group,
    timeout,
)

EXAMPLES = """\
vmss-jenkins verify -g canary-rg -n web --gate 'instance-health steady=30s timeout=5m'
vmss-jenkins verify -g canary-rg -n web --gate 'http path=/health expect-status=200 samples=100 share=99%'
vmss-jenkins verify -g canary-rg -n web --gate 'http via=nat port=80 percentile=p95 max-latency=300ms'
vmss-jenkins verify -g canary-rg -n web --gate 'http via=ssh ssh-user=azureuser' --instance-ids 0,1
vmss-jenkins verify -g canary-rg -n web --gate 'compare via=private error-margin=1% max-slowdown=1.25'
vmss-jenkins verify -g canary-rg -n web --gate 'command run="./check.sh --fast" timeout=2m' -o json
"""


@make("verify", examples=EXAMPLES)
@option_group(
    MOST_USED,
    resource_group(),
    name(),
    click.option(
        "--gate",
        "gates",
        multiple=True,
        required=True,
        metavar=GATE,
        help="A gate, quoted as one word; may be given again. Gates are asked in their order.",
    ),
    click.option(
        "--instance-ids",
        metavar="IDS",
        help="Comma-separated ids, or '*' for all.  [default: all that have the latest model]",
    ),
    timeout(3600.0, "After this time nothing is measured again."),
)
@azure_options()
@output_options()
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
    """Ask gates whether the instances with the new release are healthy.

    `via` says how a gate connects: frontend (through the load balancer), or private, public, nat or ssh (to each
    instance). A gate of the kind command runs a program with VMSS_RESOURCE_GROUP, VMSS_NAME, VMSS_IMAGE,
    VMSS_INSTANCE_IDS and VMSS_STAGE in its environment; its exit code is the verdict: 0 passed, 75 inconclusive, any
    other failed.

    Exits 0 if all gates passed, else 1.
    """
    from vmss_jenkins.gates.parsing import gates_from  # noqa: PLC0415 - not loaded for --help
    from vmss_jenkins.model.instances import InstanceIds  # noqa: PLC0415

    gates_from(gates)
    if instance_ids is not None:
        InstanceIds.parse(instance_ids)
    from vmss_jenkins.library.gates import verify  # noqa: PLC0415 - bad input is refused before it is loaded

    assessment = verify(
        resource_group,
        name,
        gates,
        instance_ids=instance_ids,
        connection=Connection(subscription, endpoint=endpoint),
        timeout=timeout,
        on_event=log_line,
    )
    if output == "json":
        print_json(assessment)
    if not assessment.passed:
        last = assessment.verdicts[-1]  # the first gate that did not pass
        keep_reason(f"{resource_group}/{name}: gate {last.gate} {last.outcome.value}: {last.reason}")
    return int(not assessment.passed)
