"""Answers about autoscale settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmss_jenkins.emulator.arm.bodies import merged
from vmss_jenkins.emulator.arm.errors import resource_not_found
from vmss_jenkins.emulator.arm.providers import INSIGHTS
from vmss_jenkins.emulator.calls.call import Call
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.insights import settings
from vmss_jenkins.emulator.state.automation.autoscale import AutoscaleSetting

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json

_PAGE = 100


def list_settings(call: Call) -> Reply:
    """The autoscale settings of a resource group, or of the subscription."""
    group = call.backend.group(call.params["group"]).name.lower() if "group" in call.params else ""
    found, more = call.page([one for key, one in call.backend.autoscale.items() if group in ("", key[0])], _PAGE)
    return Reply(200, {"value": [_shown(call, one) for one in found], **more})


def get_setting(call: Call) -> Reply:
    """An autoscale setting."""
    return Reply(200, _shown(call, _setting(call)))


def put_setting(call: Call) -> Reply:
    """Create or replace an autoscale setting, which then changes the capacity of its set."""
    body, group = call.body(settings.SHAPE), call.backend.group(call.params["group"])
    known = call.backend.autoscale.get(_key(call))
    defaults: Json = {"location": group.location, "tags": {}, "properties": {"enabled": True, "notifications": []}}
    return _write(call, group.name, merged(defaults, body), known, created=known is None)


def patch_setting(call: Call) -> Reply:
    """Change an autoscale setting."""
    known = _setting(call)
    return _write(call, known.group, merged(known.body, call.body(settings.SHAPE)), known, created=False)


def delete_setting(call: Call) -> Reply:
    """Delete an autoscale setting; answers 204 if it does not exist."""
    return Reply(204 if call.backend.autoscale.pop(_key(call), None) is None else 200)


def _write(call: Call, group: str, body: Json, known: AutoscaleSetting | None, *, created: bool) -> Reply:
    name = known.name if known else call.params["setting"]
    new = AutoscaleSetting(name, group, body, known.scaled if known else 0.0)
    settings.check(call.backend, new)
    call.backend.autoscale[_key(call)] = new
    return Reply(201 if created else 200, _shown(call, new))


def _key(call: Call) -> tuple[str, str]:
    return call.params["group"].lower(), call.params["setting"].lower()


def _setting(call: Call) -> AutoscaleSetting:
    try:
        return call.backend.autoscale[_key(call)]
    except KeyError:
        name, group = call.params["setting"], call.params["group"]
        raise resource_not_found(f"{INSIGHTS}/autoscaleSettings", name, group) from None


def _shown(call: Call, setting: AutoscaleSetting) -> Json:
    scope = f"/subscriptions/{call.backend.scenario.subscription_id}/resourceGroups/{setting.group}"
    return {
        "id": f"{scope}/providers/{INSIGHTS}/autoscalesettings/{setting.name}",
        "name": setting.name,
        "type": f"{INSIGHTS}/autoscaleSettings",
        **setting.body,
        "properties": {"name": setting.name, **setting.body["properties"]},
    }
