from collections.abc import Iterator

import pytest
import requests
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import ClientSecretCredential
from azure.mgmt.compute import ComputeManagementClient

from tests.emulator.conftest import VERSION, error_of
from vmss_jenkins.emulator import Emulator, ManualClock


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(clock=ManualClock(), tls=True, data_plane=False) as running:
        yield running


@pytest.fixture
def session(emulator: Emulator) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False  # a REQUESTS_CA_BUNDLE of the machine would win
        session.verify = emulator.environment["REQUESTS_CA_BUNDLE"]
        yield session


def credential(emulator: Emulator, *, tenant: str = "", client: str = "", secret: str = "") -> ClientSecretCredential:
    return ClientSecretCredential(
        tenant or emulator.tenant_id,
        client or emulator.client_id,
        secret or emulator.client_secret,
        authority=emulator.endpoint,
        disable_instance_discovery=True,
        connection_verify=emulator.environment["REQUESTS_CA_BUNDLE"],
    )


def set_name(emulator: Emulator, used: ClientSecretCredential) -> str:
    """The name of the scale set, read with the credential."""
    authority = emulator.environment["REQUESTS_CA_BUNDLE"]
    with (
        used,
        ComputeManagementClient(
            used,
            emulator.subscription_id,
            base_url=emulator.endpoint,
            credential_scopes=[f"{emulator.endpoint}/.default"],
            connection_verify=authority,
        ) as client,
    ):
        return str(client.virtual_machine_scale_sets.get("canary-rg", "web").name)


def test_the_real_sdk_signs_in_over_tls(emulator: Emulator) -> None:
    assert set_name(emulator, credential(emulator)) == "web"


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ({"secret": "guess"}, "AADSTS7000215: Invalid client secret provided"),
        ({"client": "5ca1e5e7-0000-4000-8000-00000000dead"}, "AADSTS700016: Application with identifier"),
    ],
)
def test_an_unknown_client_is_refused_as_entra_does(emulator: Emulator, wrong: dict[str, str], text: str) -> None:
    with pytest.raises(ClientAuthenticationError, match=text):
        set_name(emulator, credential(emulator, **wrong))


def test_an_unknown_tenant_is_refused_as_entra_does(emulator: Emulator, session: requests.Session) -> None:
    with pytest.raises((ClientAuthenticationError, ValueError)):
        set_name(emulator, credential(emulator, tenant="5ca1e5e7-0000-4000-8000-00000000dead"))
    for answer in (
        session.get(f"{emulator.endpoint}/nobody/v2.0/.well-known/openid-configuration", timeout=10),
        session.post(f"{emulator.endpoint}/nobody/oauth2/v2.0/token", data={}, timeout=10),
    ):
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert "AADSTS90002: Tenant 'nobody' not found" in answer.json()["error_description"]


def test_only_client_credentials_are_granted(emulator: Emulator, session: requests.Session) -> None:
    url = f"{emulator.endpoint}/{emulator.tenant_id}/oauth2/v2.0/token"
    answer = session.post(url, data={"grant_type": "password"}, timeout=10)
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
    assert answer.json()["error_codes"] == [70003]


def token(emulator: Emulator, session: requests.Session) -> str:
    form = {"grant_type": "client_credentials", "client_id": emulator.client_id, "scope": "x//.default"}
    url = f"{emulator.endpoint}/{emulator.tenant_id}/oauth2/v2.0/token"
    answer = session.post(url, data={**form, "client_secret": emulator.client_secret}, timeout=10).json()
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3599)
    return str(answer["access_token"])


def subscriptions(emulator: Emulator, session: requests.Session, authorization: str | None) -> requests.Response:
    headers = {"Authorization": authorization}
    url = f"{emulator.endpoint}/subscriptions"
    return session.get(url, params={"api-version": VERSION}, headers=headers, timeout=10)


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "AuthenticationFailed"),
        ("Basic eDp5", "AuthenticationFailed"),
        ("Bearer x.y.", "InvalidAuthenticationToken"),
    ],
)
def test_over_tls_arm_requires_a_token_that_the_emulator_issued(
    emulator: Emulator, session: requests.Session, authorization: str | None, code: str
) -> None:
    answer = subscriptions(emulator, session, authorization)
    assert error_of(answer) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_a_token_expires_after_an_hour(session: requests.Session) -> None:
    clock = ManualClock()
    with Emulator(clock=clock, tls=True, data_plane=False) as emulator:
        session.verify = emulator.environment["REQUESTS_CA_BUNDLE"]
        bearer = f"Bearer {token(emulator, session)}"
        assert subscriptions(emulator, session, bearer).status_code == 200
        clock.advance(3600)
        assert error_of(subscriptions(emulator, session, bearer)) == (401, "ExpiredAuthenticationToken")


def test_the_metadata_endpoint_describes_the_cloud(emulator: Emulator, session: requests.Session) -> None:
    url = f"{emulator.endpoint}/metadata/endpoints"
    told = session.get(url, params={"api-version": "2022-09-01"}, timeout=10).json()
    assert told["authentication"]["loginEndpoint"] == f"{emulator.endpoint}/"
    assert told["authentication"]["audiences"] == [f"{emulator.endpoint}/"]
    url = f"{emulator.endpoint}/{emulator.tenant_id}/v2.0/.well-known/openid-configuration"
    configuration = session.get(url, timeout=10)
    assert configuration.json()["token_endpoint"].startswith(emulator.endpoint)


def test_a_client_that_does_not_trust_the_certificate_delays_no_other_client(
    emulator: Emulator, session: requests.Session
) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(emulator.endpoint, timeout=10)
    assert subscriptions(emulator, session, None).status_code == 401
