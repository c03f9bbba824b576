"""The part of Microsoft Entra ID that gives a service principal its token, and the description of the cloud."""

from __future__ import annotations

import base64
import hmac
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vmss_jenkins.emulator.arm.errors import ArmError
from vmss_jenkins.emulator.arm.values import timestamp
from vmss_jenkins.emulator.calls.reply import Reply
from vmss_jenkins.emulator.scenario.scenario import CLIENT_ID, TENANT_ID

if TYPE_CHECKING:
    from collections.abc import Mapping

TOKEN_SECONDS = 3599
CLIENT_SECRET = "emulator-secret"  # noqa: S105  (not a secret: it is printed for everybody to use)


@dataclass
class Identity:
    """One tenant with one service principal. Tokens are unsigned: only this server accepts them."""

    tenant_id: str = TENANT_ID
    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET
    time_scale: float = 1.0
    """Emulated seconds in a real one: clients measure a token's lifetime in real time, so it lasts as long there."""
    _issued: dict[str, float] = field(default_factory=dict)

    def metadata(self, base_url: str) -> dict[str, Any]:
        """Return the description of the cloud, ``/metadata/endpoints``."""
        return {
            "name": "Emulator",
            "resourceManager": f"{base_url}/",
            "portal": f"{base_url}/",
            "graph": f"{base_url}/",
            "authentication": {
                "loginEndpoint": f"{base_url}/",
                "audiences": [f"{base_url}/"],
                "tenant": "common",
                "identityProvider": "AAD",
            },
            "suffixes": {},
        }

    def configuration(self, base_url: str, tenant: str) -> Reply:
        """Return the OpenID configuration of the tenant, or Entra's error for one that does not exist."""
        if tenant.lower() not in (self.tenant_id, "common", "organizations"):
            return self._unknown_tenant(tenant, 0.0)
        issuer = f"{base_url}/{tenant}"
        return Reply(
            200,
            {
                "issuer": f"{issuer}/v2.0",
                "token_endpoint": f"{issuer}/oauth2/v2.0/token",
                "authorization_endpoint": f"{issuer}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{issuer}/oauth2/v2.0/devicecode",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
                "response_types_supported": ["code", "id_token"],
                "tenant_region_scope": "EU",
            },
        )

    def token(self, tenant: str, form: Mapping[str, str], base_url: str, now: float) -> Reply:
        """Answer a client-credentials request with a token, or with Entra's error."""
        if tenant.lower() != self.tenant_id:
            return self._unknown_tenant(tenant, now)
        client, secret = form.get("client_id", ""), form.get("client_secret", "")
        if form.get("grant_type") != "client_credentials":
            text = f"The app requested an unsupported grant type '{form.get('grant_type', '')}'."
            return _refused(400, "unsupported_grant_type", 70003, text, now)
        if client.lower() != self.client_id:
            text = f"Application with identifier '{client}' was not found in the directory '{tenant}'."
            return _refused(400, "unauthorized_client", 700016, text, now)
        if not hmac.compare_digest(secret.encode(), self.client_secret.encode()):
            text = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client secret "
                f"value, not the client secret ID, for a secret added to app '{client}'."
            )
            return _refused(401, "invalid_client", 7000215, text, now)
        token = self._issue(base_url, now)
        lifetime = {"expires_in": TOKEN_SECONDS, "ext_expires_in": TOKEN_SECONDS}
        return Reply(200, {"token_type": "Bearer", **lifetime, "access_token": token})

    def check(self, authorization: str | None, now: float) -> None:
        """Accept the ``Authorization`` header of a request to ARM; raises ``ArmError`` 401."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            raise _unauthenticated(
                "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
            )
        expires = self._issued.get(token)
        if expires is None:
            raise _unauthenticated("InvalidAuthenticationToken", "The access token is invalid.")
        if now >= expires:
            raise _expired(expires)

    def expire(self, now: float) -> ArmError:
        """Let every issued token expire; return the answer to a request that uses one."""
        self._issued = {token: min(expires, now) for token, expires in self._issued.items()}
        return _expired(now)

    def _issue(self, base_url: str, now: float) -> str:
        claims = {
            "aud": f"{base_url}/",
            "iss": f"{base_url}/{self.tenant_id}/",
            "iat": int(now),
            "exp": int(now) + TOKEN_SECONDS,
            "appid": self.client_id,
            "oid": self.client_id,
            "tid": self.tenant_id,
            "jti": str(len(self._issued)),
        }
        token = f"{_part({'alg': 'none', 'typ': 'JWT'})}.{_part(claims)}."
        self._issued[token] = now + TOKEN_SECONDS * max(1.0, self.time_scale)
        return token

    @staticmethod
    def _unknown_tenant(tenant: str, now: float) -> Reply:
        text = (
            f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into "
            "the correct cloud. Check with your subscription administrator, this may happen if there are no active "
            "subscriptions for the tenant."
        )
        return _refused(400, "invalid_request", 90002, text, now)


def _part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def _refused(status: int, error: str, number: int, text: str, now: float) -> Reply:
    body = {
        "error": error,
        "error_description": f"AADSTS{number}: {text} Timestamp: {timestamp(now)}",
        "error_codes": [number],
        "timestamp": timestamp(now),
    }
    return Reply(status, body)


def _expired(when: float) -> ArmError:
    text = f"The access token expiry UTC time '{timestamp(when)}' is earlier than current UTC time."
    return _unauthenticated("ExpiredAuthenticationToken", text)


def _unauthenticated(code: str, text: str) -> ArmError:
    challenge = f'Bearer error="invalid_token", error_description="{text}"'
    return ArmError(401, code, text, headers={"WWW-Authenticate": challenge, "x-ms-failure-cause": "gateway"})
