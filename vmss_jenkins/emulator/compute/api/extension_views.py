"""Extensions as the JSON that Azure shows: in a set's model, and the results of their runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.disclosure import disclosed
from vmss_jenkins.emulator.arm.providers import COMPUTE
from vmss_jenkins.emulator.arm.statuses import status
from vmss_jenkins.emulator.compute.guest import applications

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.state.instance import ExtensionRun, Instance
    from vmss_jenkins.emulator.state.scale_set import ScaleSet


def resource(set_id: str, scale_set: ScaleSet, extension: Json) -> Json:
    """Return an extension of a set's model as a resource, without its protected settings."""
    state = "Updating" if scale_set.operation else "Succeeded"
    return {
        "name": extension["name"],
        "id": f"{set_id}/extensions/{extension['name']}",
        "type": f"{COMPUTE}/virtualMachineScaleSets/extensions",
        "properties": {**disclosed(extension.get("properties", {})), "provisioningState": state},
    }


def summaries(scale_set: ScaleSet) -> list[Json]:
    """Return for each extension of the model how many instances it succeeded and failed on."""
    found = []
    for extension in scale_set.model.extensions:
        runs = [_ran(extension, instance) for instance in scale_set.instances.values()]
        states = [_outcome(ran) for ran in runs if ran]
        counts = [{"code": f"ProvisioningState/{s}", "count": states.count(s)} for s in sorted(set(states))]
        found.append({"name": extension["name"], "statusesSummary": counts})
    states = [_outcome_of_applications(instance) for instance in scale_set.instances.values() if instance.applications]
    counts = [{"code": f"ProvisioningState/{s}", "count": states.count(s)} for s in sorted(set(states))]
    return [*found, *([{"name": applications.EXTENSION, "statusesSummary": counts}] if counts else [])]


def on_instance(instance: Instance) -> list[Json]:
    """Return the result of the last run of each extension on an instance."""
    runs = [(extension, _ran(extension, instance)) for extension in instance.model.extensions]
    shown = [_run(extension, ran) for extension, ran in runs if ran]
    return [*shown, _of_applications(instance)] if instance.applications else shown


def _outcome_of_applications(instance: Instance) -> str:
    """Return the state of the extension: a failed application makes it fail only if the model says so."""
    failed = any(ran.error and ran.is_fatal for ran in instance.applications.values())
    return "failed" if failed else "succeeded"


def _of_applications(instance: Instance) -> Json:
    when = max(ran.when for ran in instance.applications.values())
    shown = status(_outcome_of_applications(instance).title(), when)
    return {
        "name": applications.EXTENSION,
        "type": "Microsoft.CPlat.Core.VMApplicationManagerLinux",
        "typeHandlerVersion": "1.0",
        "statuses": [shown | {"message": applications.message(instance)}],
    }


def _ran(extension: Json, instance: Instance) -> ExtensionRun | None:
    return instance.ran.get(str(extension["name"]).lower())


def _outcome(ran: ExtensionRun) -> str:
    return "failed" if ran.error else "succeeded"


def _run(extension: Json, ran: ExtensionRun) -> Json:
    properties = extension.get("properties", {})
    shown = status(_outcome(ran).title(), ran.when)
    if ran.error:
        shown["message"] = ran.error["message"]
    return {
        "name": extension["name"],
        "type": f"{properties.get('publisher')}.{properties.get('type')}",
        "typeHandlerVersion": properties.get("typeHandlerVersion", ""),
        "statuses": [shown],
    }
