from tests.support.fakes import SUBSCRIPTION
from vmss_jenkins.azure.connection import AzureClients
from vmss_jenkins.azure.credentials import Endpoint
from vmss_jenkins.measure.instruments import LazyLoadBalancers


def test_the_network_sdk_is_loaded_only_when_an_address_is_needed() -> None:
    late = LazyLoadBalancers(AzureClients(Endpoint(SUBSCRIPTION, "http://127.0.0.1:1"), None, print))
    late.close()
    assert "adapter" not in vars(late)
