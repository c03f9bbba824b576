from tests.fakes import SUBSCRIPTION
from vmss_jenkins.credentials import Connection
from vmss_jenkins.measuring import LateLoadBalancers
from vmss_jenkins.reach import Azure


def test_the_network_sdk_is_loaded_when_an_address_is_looked_for_only() -> None:
    late = LateLoadBalancers(Azure(Connection(SUBSCRIPTION, "http://127.0.0.1:1"), None, print))
    late.close()
    assert "adapter" not in vars(late)
