"""The errors of Azure Resource Manager that the emulator answers, with Azure's codes and texts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class ArmError(Exception):
    """An answer of 400 or above with ARM's error body."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        target: str | None = None,
        details: list[dict[str, Any]] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.target, self.details, self.headers = target, details, dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        """The JSON body that ARM sends for it."""
        return {"error": self.error}

    @property
    def error(self) -> dict[str, Any]:
        """The error in that body, which a failed operation has too."""
        error: dict[str, Any] = {}
        if self.details is not None:
            error["details"] = self.details
        error |= {"code": self.code, "message": self.message}
        if self.target is not None:
            error["target"] = self.target
        return error


_GATEWAY = {"x-ms-failure-cause": "gateway"}


def gateway(status: int, code: str, message: str) -> ArmError:
    """An error of ARM itself: no resource provider has seen the request."""
    return ArmError(status, code, message, headers=_GATEWAY)


def resource_not_found(kind: str, name: str, group: str) -> ArmError:
    """A resource ``name`` of the type ``kind`` is not in the resource group."""
    return gateway(
        404,
        "ResourceNotFound",
        f"The Resource '{kind}/{name}' under resource group '{group}' was not found. "
        "For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def instance_not_found() -> ArmError:
    """The path names an instance that does not exist."""
    return ArmError(404, "NotFound", "The entity was not found in this Azure location.")


def inactive_instance(instance_id: str) -> ArmError:
    """A list of instance ids names one that the set does not have."""
    message = f"The provided instanceId {instance_id} is not an active Virtual Machine Scale Set VM instanceId."
    return invalid_parameter(message, "instanceIds")


def invalid_parameter(message: str, target: str) -> ArmError:
    """The compute provider refuses the value of ``target``."""
    return ArmError(400, "InvalidParameter", message, target=target)


def invalid_content(reason: str) -> ArmError:
    """The body of the request does not have the form that it must have."""
    return gateway(
        400, "InvalidRequestContent", f"The request content was invalid and could not be deserialized: '{reason}'."
    )


def not_allowed(message: str) -> ArmError:
    """The operation is not allowed in the current state of the resource."""
    return ArmError(409, "OperationNotAllowed", message)


def concurrent_request() -> ArmError:
    """Another operation is in progress on the same set or the same instances."""
    return ArmError(
        409,
        "Conflict",
        "The request failed due to conflict with a concurrent request. To resolve it, please refer to "
        "https://aka.ms/activitylog to get more details on the conflicting requests.",
    )


def marked_for_deletion(operation: str, name: str) -> ArmError:
    """The set is being deleted, so no other operation is allowed."""
    return not_allowed(
        f"Operation '{operation}' is not allowed on Virtual Machine Scale Set '{name}' since it is marked for "
        "deletion. You can only retry the Delete operation (or wait for an ongoing one to complete)."
    )


def authorization_failed(client: str, action: str, scope: str) -> ArmError:
    """No role of the caller allows ``action`` on ``scope``."""
    return gateway(
        403,
        "AuthorizationFailed",
        f"The client '{client}' with object id '{client}' does not have authorization to perform action "
        f"'{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please "
        "refresh your credentials.",
    )


def precondition_failed(expected: str, found: str) -> ArmError:
    """The ``If-Match`` or ``If-None-Match`` of the request does not hold."""
    return ArmError(
        412,
        "PreconditionFailed",
        f"The condition '{expected}' set by the request's headers is not met by the current etag '{found}'.",
    )
