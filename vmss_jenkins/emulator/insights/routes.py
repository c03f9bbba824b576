"""The paths and methods of Microsoft.Insights that the emulator serves."""

from __future__ import annotations

from vmss_jenkins.emulator.arm.providers import INSIGHTS
from vmss_jenkins.emulator.calls.route import GROUP, SUBSCRIPTION, Route
from vmss_jenkins.emulator.insights import autoscale_responses as autoscale

_IN_GROUP = f"{GROUP}/providers/{INSIGHTS}/autoscalesettings"
_SETTING = f"{_IN_GROUP}/{{setting}}"

INSIGHTS_ROUTES: tuple[Route, ...] = (
    Route("GET", f"{SUBSCRIPTION}/providers/{INSIGHTS}/autoscalesettings", autoscale.list_settings),
    Route("GET", _IN_GROUP, autoscale.list_settings),
    Route("GET", _SETTING, autoscale.get_setting),
    Route("PUT", _SETTING, autoscale.put_setting),
    Route("PATCH", _SETTING, autoscale.patch_setting),
    Route("DELETE", _SETTING, autoscale.delete_setting),
)
