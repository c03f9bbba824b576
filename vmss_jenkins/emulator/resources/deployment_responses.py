"""Answers about deployments of templates."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.errors import ArmError, gateway
from vmss_jenkins.emulator.arm.values import timestamp
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.resources import deployments, templates
from vmss_jenkins.emulator.resources.template_expressions import TemplateError
from vmss_jenkins.emulator.state.deployment import Deployment

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.calls.call import Dispatcher
    from vmss_jenkins.emulator.state.deployment import Plan, PlannedResource
    from vmss_jenkins.emulator.state.operation import Operation

KIND = "Microsoft.Resources/deployments"
SHAPE: Json = {"location": str, "tags": {}, "properties": {"template": {}, "parameters": {}, "mode": str}}
PAGE = 1000


@dataclass(frozen=True)
class _Resources:
    """Makes a deployment's requests as a client would."""

    dispatcher: Dispatcher

    def put(self, planned: PlannedResource) -> Operation | None:
        """Put a resource."""
        return self.dispatcher.send("PUT", planned.id, planned.body, planned.api_version).operation

    def properties(self, resource_id: str) -> Json:
        """Return the properties of a resource."""
        found: Json = self.dispatcher.send("GET", resource_id, {}, "2024-07-01").body["properties"]
        return found


def put_deployment(call: Call) -> Reply:
    """Deploy a template: if a part of it is not understood, nothing is made."""
    plan, backend = _plan(call), call.backend
    group, name = backend.group(call.params["group"]).name, call.params["deployment"]
    key = (group.lower(), name.lower())
    known = backend.deployments.get(key)
    if known is not None and known.ended is None:
        message = f"Unable to edit or replace deployment '{name}': previous deployment is still active."
        raise gateway(409, "DeploymentActive", message)
    number = str(backend.chance.getrandbits(63)).zfill(20)
    deployment = Deployment(name, group, number, backend.guid(), backend.now, plan)
    backend.deployments[key] = deployment
    deployments.start(backend, deployment, _Resources(call.dispatcher))
    url = f"{call.base_url}{call.path}/operationStatuses/{number}?api-version={call.api_version}"
    return Reply(200 if known else 201, _shown(call, deployment), {"Azure-AsyncOperation": url})


def validate_deployment(call: Call) -> Reply:
    """Whether a template could be deployed."""
    plan = _plan(call)
    validated = [{"id": one.id} for one in plan.resources.values()]
    properties = {"provisioningState": "Succeeded", "mode": "Incremental", "validatedResources": validated}
    return Reply(200, {"name": call.params["deployment"], "properties": properties})


def get_deployment(call: Call) -> Reply:
    """A deployment."""
    return Reply(200, _shown(call, _deployment(call)))


def head_deployment(call: Call) -> Reply:
    """Whether there is a deployment of this name: 204 or 404."""
    _deployment(call)
    return Reply(204)


def list_deployments(call: Call) -> Reply:
    """The deployments of a resource group."""
    group = call.backend.group(call.params["group"]).name.lower()
    found, more = call.page([one for key, one in call.backend.deployments.items() if key[0] == group], PAGE)
    return Reply(200, {"value": [_shown(call, one) for one in found], **more})


def get_status(call: Call) -> Reply:
    """The status of a deployment."""
    deployment = _deployment(call)
    error = {"error": deployment.error} if deployment.error else {}
    return Reply(200, {"status": deployment.state, **error}, call.pacing(ended=deployment.ended is not None))


def _plan(call: Call) -> Plan:
    """Return the plan of the body's template; raises ``ArmError`` 400, also for a type that is not served."""
    properties = call.body(SHAPE).get("properties", {})
    group = call.backend.group(call.params["group"])
    scenario = call.backend.scenario
    scope = templates.Scope(scenario.subscription_id, group.name, group.location, scenario.tenant_id)
    if properties.get("mode", "Incremental").lower() != "incremental":
        raise _invalid(f"The mode '{properties['mode']}' is not supported by the emulator; use Incremental.")
    if "template" not in properties:
        raise _invalid("The emulator deploys a template in the request, and the request has none.")
    try:
        plan = templates.plan(properties["template"], properties.get("parameters", {}), scope)
    except TemplateError as error:
        raise _invalid(str(error)) from None
    except RecursionError:
        raise _invalid("The template is nested too deeply.") from None
    for planned in plan.resources.values():
        call.dispatcher.check("PUT", planned.id, planned.api_version)
    return plan


def _invalid(reason: str) -> ArmError:
    return gateway(400, "InvalidTemplate", f"Deployment template validation failed: '{reason}'.")


def _deployment(call: Call) -> Deployment:
    name = call.params["deployment"]
    group = call.backend.group(call.params["group"]).name
    found = call.backend.deployments.get((group.lower(), name.lower()))
    if found is None or call.params.get("status", found.number) != found.number:
        raise ArmError(404, "DeploymentNotFound", f"Deployment '{name}' could not be found.")
    return found


def _shown(call: Call, deployment: Deployment) -> Json:
    plan, ended = deployment.plan, deployment.ended
    template_hash = int(hashlib.sha256(json.dumps(list(plan.resources)).encode()).hexdigest()[:16], 16)
    properties: Json = {
        "templateHash": str(template_hash),
        "parameters": plan.parameters,
        "mode": "Incremental",
        "provisioningState": deployment.state,
        "timestamp": timestamp(ended or call.backend.now),
        "duration": _duration((ended or call.backend.now) - deployment.started),
        "correlationId": deployment.correlation_id,
        "providers": _providers(plan),
        "dependencies": _dependencies(plan),
    }
    if ended is not None:
        properties["outputs"] = deployment.outputs
        properties["outputResources"] = [{"id": one} for one in deployment.made]
    if deployment.error:
        properties["error"] = deployment.error
    scope = f"/subscriptions/{call.backend.scenario.subscription_id}/resourceGroups/{deployment.group}"
    return {
        "id": f"{scope}/providers/{KIND}/{deployment.name}",
        "name": deployment.name,
        "type": KIND,
        "properties": properties,
    }


def _duration(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"PT{int(minutes)}M{rest:.7f}S" if minutes else f"PT{rest:.7f}S"


def _providers(plan: Plan) -> list[Json]:
    found: dict[str, dict[str, list[str]]] = {}
    for one in plan.resources.values():
        namespace, _, kind = one.kind.partition("/")
        location = str(one.body.get("location", "")).lower()
        places = found.setdefault(namespace, {}).setdefault(kind, [])
        if location not in places:
            places.append(location)
    return [
        {
            "namespace": namespace,
            "resourceTypes": [{"resourceType": kind, "locations": places} for kind, places in kinds.items()],
        }
        for namespace, kinds in found.items()
    ]


def _dependencies(plan: Plan) -> list[Json]:
    def named(one: PlannedResource) -> Json:
        return {"id": one.id, "resourceType": one.kind, "resourceName": one.name}

    return [
        {"dependsOn": [named(plan.resources[other.lower()]) for other in one.after], **named(one)}
        for one in plan.resources.values()
        if one.after
    ]
