"""Blue-green pairs in vmss.yaml, with common mistakes."""

from __future__ import annotations

import jsonschema
import pytest
import yaml

from vmss_jenkins.config.file import json_schema, parse
from vmss_jenkins.errors import ConfigError

LEAST = "name: shop, resource_group: rg, load_balancer: lb, blue: b, green: g"


def test_a_minimal_pair_has_two_sets_and_a_load_balancer_and_its_file_needs_no_sets() -> None:
    config = parse(f"pairs: [{{{LEAST}}}]", "vmss.yaml")
    (pair,) = config.pairs
    assert config.sets == ()
    assert (pair.name, pair.blue, pair.green, pair.load_balancer, pair.rule) == ("shop", "b", "g", "lb", None)
    assert (pair.promotion, pair.idle, pair.gates, pair.watch) == (
        "automatic",
        None,
        ("instance-health",),
        ("instance-health",),
    )


def test_a_pair_takes_all_its_keys() -> None:
    text = f"""
    pairs: [{{{LEAST}, rule: live, test_port: 8081, image: 'a:b:c:latest', promotion: approval, idle: 1,
      gates: [{{gate: http, path: /health}}], watch: [http],
      rollout: {{instance_timeout: 5m}}, timeouts: {{build: 1h}}}}]
    """
    (pair,) = parse(text, "vmss.yaml").pairs
    assert (pair.rule, pair.test_port, pair.image, pair.promotion, pair.idle) == (
        "live",
        8081,
        "a:b:c:latest",
        "approval",
        1,
    )
    assert (pair.gates, pair.rollout.instance_timeout, pair.timeouts.build) == (("http path=/health",), 300, 3600)
    assert parse(f"pairs: [{{{LEAST}, idle: keep}}]", "x").pairs[0].idle is None
    assert parse(f"pairs: [{{{LEAST}, idle: 0}}]", "x").pairs[0].idle == 0


def test_a_pair_takes_the_defaults_that_are_not_about_a_canary() -> None:
    text = """
    defaults:
      resource_group: rg
      canary: 10%
      gates: [compare]
      promotion: manual
      rollout: {max_unavailable: 20%, instance_timeout: 60}
    sets: [{name: web}]
    pairs: [{name: shop, load_balancer: lb, blue: b, green: g, rollout: {timeout: 5m}}]
    """
    config = parse(text, "vmss.yaml")
    (pair,) = config.pairs
    assert (pair.resource_group, pair.gates, pair.promotion) == ("rg", ("instance-health",), "automatic")
    assert (pair.rollout.instance_timeout, pair.rollout.timeout) == (60, 300)
    assert config.sets[0].canary == "10%"


def test_all_faults_are_reported_at_once_with_line_and_path() -> None:
    with pytest.raises(ConfigError) as raised:
        parse(
            """defaults: {rollout: {puase: 3}, subscription: mine}
pairs:
  - name: shop
    load_balancer: l/b
    blue: web
    green: WEB
    testport: 80
    test_port: 70000
    idle: some
    gates: [compare]
    watch: [{gate: http, smaples: 3}]
    promotion: manual
    rollout: {max_unavailable: 1}
  - name: Shop
    resource_group: rg
    load_balancer: lb
    blue: a
    green: b
""",
            "vmss.yaml",
        )
    reasons = [one.split("; known")[0] for one in raised.value.reasons]
    assert reasons == [
        "line 1, defaults.rollout.puase: unknown key; did you mean pause?",
        "line 1, defaults.subscription: found 'mine'; wanted a GUID",
        (
            "line 4, pairs[0].load_balancer: found 'l/b'; wanted a load balancer's name, or its ARM id if it is in "
            "another resource group"
        ),
        "line 7, pairs[0].testport: unknown key; did you mean test_port?",
        "line 8, pairs[0].test_port: found 70000; wanted at most 65535",
        "line 9, pairs[0].idle: found 'some'; wanted keep, or a number of instances to keep, such as 1",
        (
            "line 10, pairs[0].gates: found compare; wanted another gate, such as http: all instances of the set have "
            "the release"
        ),
        "line 11, pairs[0].watch[0]: gate http: unknown key 'smaples'",
        "line 12, pairs[0].promotion: found 'manual'; wanted 'automatic' or 'approval'",
        "line 13, pairs[0].rollout.max_unavailable: unknown key",
        (
            "line 14, pairs[1]: its job Shop-blue-green has the name of a job of pairs[0]; give one of them a name of "
            "its own"
        ),
    ]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ("green: B", "pairs[0]: found 'b' as blue and as green; wanted two scale sets"),
        ("idle: some", "pairs[0].idle: found 'some'; wanted keep, or a number of instances to keep"),
        ("idle: -1", "pairs[0].idle: found -1; wanted keep"),
        ("idle: true", "pairs[0].idle: found True; wanted keep"),
        ("gates: [compare]", "pairs[0].gates: found compare; wanted another gate"),
        ("watch: [compare]", "pairs[0].watch: found compare"),
        ("promotion: manual", "pairs[0].promotion: found 'manual'; wanted 'automatic' or 'approval'"),
        ("test_port: 0", "pairs[0].test_port: found 0; wanted at least 1"),
        ("testport: 80", "pairs[0].testport: unknown key; did you mean test_port?"),
        ("rollout: {max_unavailable: 1}", "pairs[0].rollout.max_unavailable: unknown key"),
        ("load_balancer: l/b", "pairs[0].load_balancer: found 'l/b'; wanted a load balancer's name"),
        ("rule: ''", "pairs[0].rule: found ''; wanted an Azure name"),
        ("resource_group: null", "pairs[0]: needs a resource_group, here or under defaults"),
    ],
)
def test_an_invalid_pair_is_refused_with_the_reason(more: str, reason: str) -> None:
    pair = {**yaml.safe_load(f"{{{LEAST}}}"), **yaml.safe_load(f"{{{more}}}")}
    with pytest.raises(ConfigError) as raised:
        parse(yaml.safe_dump({"pairs": [pair]}), "vmss.yaml")
    assert reason in str(raised.value)


def test_two_pairs_need_two_names_and_a_pair_may_have_the_name_of_a_set() -> None:
    with pytest.raises(ConfigError, match=r"pairs\[1\]: its job SHOP-blue-green has the name of a job of pairs\[0\]"):
        parse(f"pairs: [{{{LEAST}}}, {{{LEAST.replace('shop', 'SHOP')}}}]", "x")
    assert parse(f"sets: [{{name: shop, resource_group: rg}}]\npairs: [{{{LEAST}}}]", "x").pairs


def test_the_targets_of_a_file_include_the_sets_of_its_pairs() -> None:
    found = parse(f"sets: [{{name: shop, resource_group: x}}]\npairs: [{{{LEAST}}}]", "x").targets
    assert [(one.resource_group, one.name) for one in found] == [("x", "shop"), ("rg", "b"), ("rg", "g")]


def test_credentials_without_a_subscription_need_one_at_each_pair() -> None:
    guid = "00000000-0000-0000-0000-000000000001"
    jenkins = f"jenkins: {{credentials: {{kind: username-password, id: x, tenant: {guid}}}}}"
    with pytest.raises(ConfigError, match="need a subscription at each set"):
        parse(f"{jenkins}\npairs: [{{{LEAST}}}]", "x")
    assert parse(f"{jenkins}\npairs: [{{{LEAST}, subscription: {guid}}}]", "x").pairs


def test_the_schema_accepts_a_pair_alone_and_refuses_an_empty_file() -> None:
    schema, pair = json_schema(), yaml.safe_load(f"{{{LEAST}, idle: keep}}")
    jsonschema.validate({"pairs": [pair]}, schema)
    jsonschema.validate({"pairs": [{**pair, "idle": 2}]}, schema)
    for wrong in ({}, {"pairs": [{**pair, "idle": "some"}]}, {"pairs": [{**pair, "greeen": "x"}]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)
