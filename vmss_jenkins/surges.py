"""Looking at what a surge would do, as a library: the dry run of `vmss-jenkins rollout --strategy surge`."""

from __future__ import annotations

from contextlib import closing

from vmss_jenkins import events
from vmss_jenkins.actions import RolloutSpec
from vmss_jenkins.api import TIMEOUT, log
from vmss_jenkins.clock import SystemClock
from vmss_jenkins.headcount import Headcount
from vmss_jenkins.history import Observed
from vmss_jenkins.instances import ScaleSetName
from vmss_jenkins.reach import Reach
from vmss_jenkins.releases import Release, Scripted
from vmss_jenkins.surge_preview import SurgePreview, preview_surge
from vmss_jenkins.waiting import Patience


def look_before_surge(
    resource_group: str,
    name: str,
    image: Release | None,
    spec: RolloutSpec,
    *,
    scripted: Scripted | None = None,
    reach: Reach | None = None,
    on_event: events.OnEvent = log,
) -> SurgePreview:
    """Tell what a surge would do now and what stands in its way; nothing is changed.

    Args:
        resource_group: the set's resource group.
        name: the set's name.
        image: the release; None for what the model has.
        spec: how; see `RolloutSpec`.
        scripted: the release is a script; no image is given then.
        reach: how Azure is reached.
        on_event: told each thing that happens; by default it is logged.

    Raises:
        ConfigError: for parameters that cannot be used.
        AzureError: where the set or the tags of its resource group cannot be read.
    """
    target, azure = ScaleSetName(resource_group, name), (reach or Reach()).connect(on_event)
    patience = Patience.starting(SystemClock(), TIMEOUT, on_event)
    with closing(azure.scale_sets()) as sets:
        scale_set = patience.retry(lambda: sets.get(target)).seen_by(scripted)
        instances = patience.retry(lambda: sets.instances(scale_set))
        headcount = patience.retry(sets.headcounts(target).read) or Headcount.of(scale_set.capacity)
        autoscale = sets.autoscale_settings(scale_set)
    release = scripted.release_for(scale_set.extension) if scripted else image
    observed = Observed(scale_set, instances, {})
    return preview_surge(spec, release, observed, headcount, autoscale)
