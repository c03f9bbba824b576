"""Applications of galleries on an instance: their installation in an order, updates, removal, and failures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from vmss_jenkins.emulator.compute.guest import scripts
from vmss_jenkins.emulator.galleries import applications
from vmss_jenkins.emulator.state.instance import ApplicationRun, Instance, Model

if TYPE_CHECKING:
    from vmss_jenkins.emulator.arm.values import Json
    from vmss_jenkins.emulator.galleries.applications import Application
    from vmss_jenkins.emulator.scenario.release import Release
    from vmss_jenkins.emulator.state.backend import Backend
    from vmss_jenkins.emulator.state.gallery import Version

EXTENSION = "VMAppExtension"
"""The extension by which Azure installs applications, and whose status tells how that went."""


def due(backend: Backend, instance: Instance, model: Model, location: str) -> bool:
    """Whether an application of a model is to be installed, updated or removed on an instance."""
    wanted = applications.of_profile(backend, model.profile, location)
    return any(_is_due(instance, one) for one in wanted) or bool(_left(instance, wanted))


def provision(backend: Backend, instance: Instance, location: str) -> Json | None:
    """Install, update and remove what is due, and set what the instance serves; return the error, if one counts.

    After a failure, applications of a higher order are not installed. A failure makes the instance fail only if its
    application has ``treatFailureAsDeploymentFailure``.
    """
    wanted = applications.of_profile(backend, instance.model.profile, location)
    for key in _left(instance, wanted):
        del instance.applications[key]
    error: Json | None = None
    broken = False
    for one in wanted:
        if _is_due(instance, one) and not (broken and one.order):
            instance.applications[one.key] = _run(backend, instance, one)
        ran = instance.applications.get(one.key)
        if ran is None or ran.error:
            broken = broken or bool(one.order)
            if ran and one.is_fatal:
                error = error or _failure(instance, ran)
    instance.release = _served(instance.release, instance, wanted)
    return error


def message(instance: Instance) -> str:
    """Return what the status of the extension tells about each application."""
    states = [
        {"applicationName": ran.name, "version": ran.version, "result": ran.error or f"{ran.action} SUCCESS"}
        for ran in instance.applications.values()
    ]
    return f"Enable succeeded: {json.dumps({'CurrentState': states, 'ActionsPerformed': []}, indent=1)}"


def _left(instance: Instance, wanted: list[Application]) -> list[str]:
    keys = {one.key for one in wanted}
    return [key for key in instance.applications if key not in keys]


def _is_due(instance: Instance, one: Application) -> bool:
    ran = instance.applications.get(one.key)
    if ran is None or ran.error:
        return True
    changed = ran.configuration != str(one.wanted.get("configurationReference", ""))
    return changed or (one.version is not None and one.version.name != ran.version)


def _run(backend: Backend, instance: Instance, one: Application) -> ApplicationRun:
    before = instance.applications.get(one.key)
    installed = before is not None and (not before.error or bool(before.scripts))
    configuration = str(one.wanted.get("configurationReference", ""))
    if one.version is None:
        gone = "the version of the application is not available any more"
        kept = before.scripts if before else ()
        name = one.parsed.name
        return ApplicationRun(name, one.parsed.version, "Install", backend.now, configuration, kept, gone, one.is_fatal)
    texts, action = _texts(one, one.version, update=installed)
    cause = instance.operation.cause if instance.operation else None
    struck = backend.strike("install", cause, instance.id, place=one.parsed.name)
    _, status = (instance.release, 1) if struck else scripts.run(instance.release, texts)
    error = ""
    if status:
        command = one.version.profile["manageActions"].get("update" if action == "Update" else "install")
        error = f"Error executing command '{command}': command terminated with exit status={status}"
        texts = before.scripts if before else ()
    name, version = one.parsed.name, one.version.name
    return ApplicationRun(name, version, action, backend.now, configuration, texts, error, one.is_fatal)


def _texts(one: Application, version: Version, *, update: bool) -> tuple[tuple[str, ...], str]:
    """Return the scripts that install a version, or update to it if it has a command for that, and the action."""
    profile = version.profile
    actions, package = profile["manageActions"], profile.get("settings", {}).get("packageFileName") or one.parsed.name
    action = "update" if update and actions.get("update") else "install"
    return scripts.texts(str(actions[action]), {str(package): version.package}), action.title()


def _served(release: Release, instance: Instance, wanted: list[Application]) -> Release:
    for one in wanted:
        if ran := instance.applications.get(one.key):
            release, _ = scripts.run(release, ran.scripts)
    return release


def _failure(instance: Instance, ran: ApplicationRun) -> Json:
    text = (
        f"VM '{instance.name}' has reported a failure when processing extension '{EXTENSION}'. Error message: "
        f"'{ran.name} {ran.version}: {ran.error}'."
    )
    return {"code": "VMExtensionProvisioningError", "message": text}
