import os

import pytest
import requests
import responses
from azure.core.exceptions import ClientAuthenticationError

from vmss_jenkins.azure.credentials import PUBLIC_CLOUD, Endpoint, default_credential, endpoint_from
from vmss_jenkins.azure.errors import azure_error, failure_of, translated
from vmss_jenkins.errors import AzureError, ConfigError

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
STACK = "https://management.local.azurestack.example"


@pytest.mark.parametrize(
    ("environment", "arguments", "expected"),
    [
        ({"AZURE_SUBSCRIPTION_ID": SUBSCRIPTION}, {}, Endpoint(SUBSCRIPTION, PUBLIC_CLOUD)),
        ({"AZURE_SUBSCRIPTION_ID": "other"}, {"subscription": SUBSCRIPTION}, Endpoint(SUBSCRIPTION)),
        (
            {"AZURE_SUBSCRIPTION_ID": SUBSCRIPTION, "VMSS_JENKINS_ENDPOINT": "http://127.0.0.1:8080/"},
            {},
            Endpoint(SUBSCRIPTION, "http://127.0.0.1:8080"),
        ),
        ({"AZURE_SUBSCRIPTION_ID": SUBSCRIPTION}, {"endpoint": f"{STACK}/"}, Endpoint(SUBSCRIPTION, STACK)),
        (
            {"AZURE_SUBSCRIPTION_ID": SUBSCRIPTION},
            {"endpoint": "http://[::1]:1"},
            Endpoint(SUBSCRIPTION, "http://[::1]:1"),
        ),
        (
            {"AZURE_SUBSCRIPTION_ID": SUBSCRIPTION},
            {"endpoint": "http://localhost:1"},
            Endpoint(SUBSCRIPTION, "http://localhost:1"),
        ),
    ],
)
def test_arguments_come_before_the_environment(
    environment: dict[str, str], arguments: dict[str, str], expected: Endpoint
) -> None:
    assert endpoint_from(environment, **arguments) == expected


@pytest.mark.parametrize(
    "endpoint", ["http://management.azure.com", "http://10.0.0.1", "ftp://x", "management", "http://"]
)
def test_an_endpoint_is_encrypted_or_this_machine(endpoint: str) -> None:
    with pytest.raises(ConfigError):
        endpoint_from({"AZURE_SUBSCRIPTION_ID": SUBSCRIPTION}, endpoint=endpoint)


def test_a_missing_subscription_is_reported_with_the_option_the_variable_and_all_other_faults() -> None:
    with pytest.raises(ConfigError) as refused:
        endpoint_from({}, endpoint="http://example.com")
    assert len(refused.value.reasons) == 2
    assert "give --subscription, or set AZURE_SUBSCRIPTION_ID" in str(refused.value)


def test_a_token_goes_to_an_encrypted_endpoint_only() -> None:
    assert Endpoint(SUBSCRIPTION).sends_token
    assert not Endpoint(SUBSCRIPTION, "http://127.0.0.1:1").sends_token


@pytest.mark.parametrize(
    ("endpoint", "scope"),
    [
        (PUBLIC_CLOUD, "https://management.azure.com/.default"),
        ("https://management.usgovcloudapi.net", "https://management.core.usgovcloudapi.net/.default"),
        ("https://management.chinacloudapi.cn", "https://management.chinacloudapi.cn/.default"),
        (STACK, f"{STACK}/.default"),
    ],
)
def test_each_cloud_has_its_scope(endpoint: str, scope: str) -> None:
    assert Endpoint(SUBSCRIPTION, endpoint).scope == scope


@pytest.fixture
def only_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep DefaultAzureCredential from asking this machine's metadata service or its tools."""
    for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_AUTHORITY_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")


@pytest.mark.usefixtures("only_the_environment")
def test_without_credentials_the_error_names_the_variables() -> None:
    credential = default_credential(Endpoint(SUBSCRIPTION), {})
    with pytest.raises(AzureError) as failed, translated("read scale set canary-rg/web"):
        credential.get_token("https://management.azure.com/.default")
    assert failed.value.code == "AuthenticationFailed"
    assert "set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET" in str(failed.value)


@pytest.mark.usefixtures("only_the_environment")
@responses.activate
def test_a_private_cloud_is_asked_for_its_authority() -> None:
    body = {"authentication": {"loginEndpoint": "https://login.local.azurestack.example/"}}
    responses.get(f"{STACK}/metadata/endpoints", json=body)
    default_credential(Endpoint(SUBSCRIPTION, STACK), {})
    assert len(responses.calls) == 1


@pytest.mark.usefixtures("only_the_environment")
@pytest.mark.parametrize("endpoint", [PUBLIC_CLOUD, "https://management.usgovcloudapi.net", STACK])
def test_a_known_or_given_authority_is_not_requested(endpoint: str) -> None:
    environment = {"AZURE_AUTHORITY_HOST": "https://login.example"} if endpoint == STACK else {}
    with responses.RequestsMock() as nobody:
        default_credential(Endpoint(SUBSCRIPTION, endpoint), environment)
        assert len(nobody.calls) == 0


@pytest.mark.parametrize(
    "answer",
    [
        {"status": 404},
        {"json": {"authentication": None}},
        {"body": "<html>"},
        {"body": requests.exceptions.SSLError("self-signed certificate")},
    ],
)
@responses.activate
def test_an_endpoint_without_an_authority_is_an_error_with_the_next_steps(answer: dict[str, object]) -> None:
    responses.get(f"{STACK}/metadata/endpoints", **answer)
    with pytest.raises(AzureError, match="REQUESTS_CA_BUNDLE") as failed:
        default_credential(Endpoint(SUBSCRIPTION, STACK), {})
    assert failed.value.code == "EndpointUnreachable"


NOBODY_SET_UP = """DefaultAzureCredential failed to retrieve a token from the included credentials.
Attempted credentials:
\tEnvironmentCredential: EnvironmentCredential authentication unavailable. Variables are not fully configured.
Visit https://aka.ms/azsdk/python/identity/environmentcredential/troubleshoot to troubleshoot this issue.
\tManagedIdentityCredential: ManagedIdentityCredential authentication unavailable.
\tSharedTokenCacheCredential: SharedTokenCacheCredential unavailable. No accounts were found in the cache.
\tVisualStudioCodeCredential: VisualStudioCodeCredential requires the 'azure-identity-broker' package to be installed.
\tAzureCliCredential: Azure CLI not found on path
\tAzurePowerShellCredential: PowerShell is not installed
To mitigate this issue, please refer to the troubleshooting guidelines here at https://aka.ms/azsdk/python/identity/x."""


def test_without_any_credential_the_message_is_short_and_names_az_login() -> None:
    failure = failure_of(ClientAuthenticationError(NOBODY_SET_UP))
    assert (failure.code, failure.message) == ("AuthenticationFailed", "no Azure credential was found on this machine")
    assert azure_error("read x", failure).next_step is not None
    assert "`az login`" in str(azure_error("read x", failure))


@pytest.mark.parametrize(
    "reason",
    [
        "Authentication failed: AADSTS7000215: Invalid client secret provided.",
        "Authentication failed: AADSTS90002: Tenant 'contoso' not found. Check that the tenant is correct.",
        "Authentication failed: AADSTS700016: Application 'x' was not found in the directory 'contoso'.",
        f"Authentication failed: {'Unable to get authority configuration. ' * 8}Please check your tenant name.",
    ],
)
def test_a_credential_that_is_set_up_and_fails_is_reported_with_its_whole_reason(reason: str) -> None:
    failed = f"\tEnvironmentCredential: {reason}"
    message = failure_of(ClientAuthenticationError(f"{NOBODY_SET_UP}\n{failed}")).message
    assert message == failed.strip()


def test_no_token_is_requested_at_an_http_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_AUTHORITY_HOST", "http://127.0.0.1:9")
    with pytest.raises(ConfigError, match=r"for --container set AZURE_STORAGE_KEY"):
        default_credential(Endpoint("s", "http://127.0.0.1:9"), os.environ)
