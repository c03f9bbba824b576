"""vmss.yaml as a person writes it, with common mistakes."""

from importlib.metadata import version
from pathlib import Path

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from vmss_jenkins.config.file import Config, json_schema, one_set, parse
from vmss_jenkins.config.values import PINNED, gate_line
from vmss_jenkins.errors import ConfigError
from vmss_jenkins.gates.parsing import gate_from_line, gate_from_mapping

EXAMPLE = Path(__file__).parents[2] / "examples" / "vmss.yaml"
GUID = "00000000-0000-0000-0000-000000000001"
LEAST = "sets: [{name: web, resource_group: rg}]"


def reasons(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as raised:
        parse(text, "vmss.yaml")
    assert raised.value.source == "vmss.yaml"
    return raised.value.reasons


def test_a_minimal_file_has_a_name_and_a_resource_group() -> None:
    config = parse(LEAST, "vmss.yaml")
    (one,) = config.sets
    assert (one.name, one.resource_group, one.canary, one.promotion, one.flavour) == (
        "web",
        "rg",
        "1",
        "manual",
        "command",
    )
    assert config.jenkins.credentials.kind == "none"


def test_the_example_is_valid() -> None:
    config = parse(EXAMPLE.read_text(), "examples/vmss.yaml")
    wheel = f"vmss_jenkins-{version('vmss-jenkins')}-py3-none-any.whl"
    assert str(config.jenkins.install.requirement).endswith(f"/{wheel}")
    assert PINNED.endswith(f"/{wheel}")
    assert [one.name for one in config.sets] == ["web", "blog", "app", "site"]
    assert config.sets[0].gates[1] == "http path=/ 'expect_text=Welcome to nginx' samples=50"


def test_each_set_takes_the_defaults_and_may_override_them() -> None:
    config = parse(
        """
        defaults: {resource_group: rg, canary: 10%, rollout: {pause: 5m, max_failed: 2}}
        sets: [{name: a}, {name: b, canary: 2, rollout: {pause: 30}}]
        """,
        "vmss.yaml",
    )
    first, second = config.sets
    assert (first.canary, first.rollout.pause, first.rollout.max_failed) == ("10%", 300, 2)
    assert (second.canary, second.rollout.pause, second.rollout.max_failed) == ("2", 30, 2)


def test_all_faults_are_reported_at_once_in_order_with_line_and_path() -> None:
    assert reasons(
        """jenkins:
  foldr: deploy
  credentials: {kind: azure-service-principal}
defaults:
  resource_group: rg
  rollout: {puase: 3}
sets:
  - name: web
    canary: 0
    gates: [{gate: http, smaples: 3}, 5]
    resource-group: x
    promotion: soon
    promotion: later
  - name: WEB
    rollout: {pause: soon}
    rollback_job: "yes"
"""
    ) == (
        "line 2, jenkins.foldr: unknown key; did you mean folder?",
        "line 3, jenkins.credentials: kind azure-service-principal needs the id of the credentials in Jenkins",
        "line 6, defaults.rollout.puase: unknown key; did you mean pause?",
        "line 9, sets[0].canary: found 0; wanted a count such as 1, or a percentage from 1% to 100%",
        (
            "line 10, sets[0].gates[0]: gate http: unknown key 'smaples'; known: error_limit, expect_pattern, "
            "expect_status, expect_text, failed_limit, host, inconclusive_limit, max_latency, name, path, "
            "percentile, port, rate, release_text, samples, scheme, share, ssh_key, ssh_known_hosts, ssh_port, "
            "ssh_user, timeout, url, via"
        ),
        "line 10, sets[0].gates[1]: found 5; wanted a gate such as 'http path=/health'",
        "line 11, sets[0].resource-group: unknown key; did you mean resource_group?",
        "line 12, sets[0].promotion: found 'soon'; wanted 'manual', 'approval' or 'automatic'",
        "line 13, sets[0].promotion: found twice, first in line 12; remove one",
        "line 14, sets[1]: its job WEB-canary has the name of a job of sets[0]; give one of them a job_name",
        "line 15, sets[1].rollout.pause: found 'soon'; wanted seconds, such as 30, 30s, 5m, 2h or 1d",
        "line 16, sets[1].rollback_job: found 'yes'; wanted true or false",
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1: found no mapping; wanted the key sets"),
        ("- a", "line 1: found no mapping"),
        ("sets: [", "line 1: is not YAML: "),
        ("a: b: c", "line 1: is not YAML: mapping values are not allowed here"),
        ("\0", "line 1: is not YAML: "),
        ("jenkins: {}", "line 1: found neither sets nor pairs; wanted at least one"),
        ("sets: []", "line 1: found neither sets nor pairs; wanted at least one"),
        ("sets: web", "line 1, sets: found 'web'; wanted a list"),
        ("sets: [web]", "line 1, sets[0]: found 'web'; wanted a mapping"),
        ("sets:\n- {resource_group: rg}", "line 2, sets[0].name: is missing"),
        ("sets: [{name: web}]", "sets[0]: needs a resource_group, here or under defaults"),
        ("sets: [{name: 5, resource_group: rg}]", "sets[0].name: found 5; wanted a string: quote it"),
        ("sets: [{name: we/b, resource_group: rg}]", "sets[0].name: found 'we/b'; wanted a scale set's name"),
        ("sets: [{name: web, resource_group: 'rg.'}]", "wanted a resource group's name"),
        (f"{LEAST}\ndefaults: 5", "line 2, defaults: found 5; wanted a mapping"),
        (f"{LEAST}\ndefaults: {{name: x}}", "line 2, defaults.name: is for one set; move it under sets"),
        (f"{LEAST}\n5: x", "line 2: found the key 5; wanted a string: quote it"),
        (f"{LEAST}\nx: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        (f"{LEAST}\nx: 2026-99-99", "line 2, x: cannot be read: month must be in 1..12"),
        (f"{LEAST}\njenkins: {{folder: a//b}}", "jenkins.folder: found ''; wanted a name without spaces around it"),
        (f"{LEAST}\njenkins: {{folder: 'a?'}}", "found 'a?' with ?; wanted a name without it: Jenkins refuses it"),
        (f"{LEAST}\njenkins: {{folder: '..'}}", "wanted a name without a dot at its end"),
        (f"{LEAST}\njenkins: {{keep_builds: 0}}", "jenkins.keep_builds: found 0; wanted at least 1"),
        (f"{LEAST}\njenkins: {{install: {{how: pip}}}}", f"how: pip needs a requirement, pinned, such as {PINNED}"),
        (
            f"{LEAST}\njenkins: {{install: {{how: pip, requirement: vmss-jenkins}}}}",
            "jenkins.install.requirement: found 'vmss-jenkins'; wanted a pinned requirement",
        ),
        (f"{LEAST}\njenkins: {{install: {{how: container}}}}", "how: container needs an image"),
        (f"{LEAST}\njenkins: {{credentials: {{kind: none, id: x}}}}", "found an id with kind none"),
        (
            f"{LEAST}\njenkins: {{credentials: {{kind: username-password, id: x}}}}",
            "needs a tenant: such credentials do not contain it",
        ),
        (
            f"{LEAST}\njenkins: {{credentials: {{kind: username-password, id: x, tenant: {GUID}}}}}",
            "need a subscription at each set",
        ),
        ("sets: [{name: w, resource_group: rg, flavour: plugin}]", "flavour plugin needs instance_ids such as '0,1'"),
        (
            "sets: [{name: w, resource_group: rg, flavour: plugin, instance_ids: '0'}]",
            "flavour plugin needs jenkins.credentials of the kind azure-service-principal",
        ),
        (
            "sets: [{name: w, resource_group: rg, flavour: plugin, instance_ids: '0', image: 'a:b:c:latest'}]",
            "flavour plugin needs an image id",
        ),
        ("sets: [{name: w, resource_group: rg, schedule: '@daily'}]", "a schedule needs an image"),
        ("sets: [{name: w, resource_group: rg, schedule: '* * *'}]", "found '* * *'; wanted five fields as in cron"),
        *(
            (f"sets: [{{name: w, resource_group: rg, schedule: '{text}'}}]", f"found '{text}'; wanted {wanted}")
            for text, wanted in (
                ("H 99 * * *", "five fields as in cron, such as 'H 4 * * 1', or @daily"),
                ("H(40-20) 4 * * *", "five fields"),
                ("0 4 * * MON", "five fields"),  # names of days are cron's, and unknown to Jenkins
                ("@nightly", "five fields"),
                ("TZ=Mars/Olympus", "a time zone, such as TZ=Europe/Berlin"),
            )
        ),
        ("sets: [{name: w, resource_group: rg, image: nginx}]", "sets[0].image: 'nginx' is not an image id"),
        ("sets: [{name: w, resource_group: rg, instance_ids: 0}]", "wanted ids in one string such as '0,1'"),
        ("sets: [{name: w, resource_group: rg, instance_ids: '*,1'}]", "found '*' together with 1"),
        ("sets: [{name: w, resource_group: rg, subscription: mine}]", "found 'mine'; wanted a GUID"),
        ("sets: [{name: w, resource_group: rg, timeouts: {build: 1s}}]", "found '1s'; wanted at least 60"),
        ("sets: [{name: w, resource_group: rg, zzz: 1}]", "unknown key; known: application, canary, description, "),
        (f"description: {'x' * 30_000}\n{LEAST}", "unknown key"),
        (f"{LEAST}\njenkins: {{agent: {'x' * 30_000}}}", "found 30000 characters; wanted at most 20000"),
    ],
)
def test_an_invalid_file_is_refused_with_the_reason(text: str, reason: str) -> None:
    assert reason in "\n".join(reasons(text))


def test_aliases_of_aliases_are_limited() -> None:
    bomb = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    assert reasons(bomb) == ("line 1: is not YAML: too many values, or too deep",)
    assert "too deep" in reasons("a: &a [*a]")[0]


def test_a_key_overrides_the_same_key_of_a_merged_mapping() -> None:
    text = "x-y: &both {resource_group: rg, canary: 3}\nsets: [{<<: *both, name: a, canary: 1}, {<<: [*both], name: b}]"
    with pytest.raises(ConfigError, match="x-y: unknown key"):
        parse(text, "vmss.yaml")
    text = "sets: [&a {name: a, resource_group: rg, canary: 3}, {<<: *a, name: b, canary: 1}]"
    assert [(one.name, one.resource_group, one.canary) for one in parse(text, "x").sets] == [
        ("a", "rg", "3"),
        ("b", "rg", "1"),
    ]


def test_spaces_in_ids_are_removed() -> None:
    assert parse("sets: [{name: w, resource_group: rg, instance_ids: '0, 1,'}]", "x").sets[0].instance_ids == "0,1"


@pytest.mark.parametrize(
    "gate",
    [
        {"gate": "http", "path": "/x", "expect-status": [200, 301], "share": 0.5, "expect_text": 'it\'s "good"'},
        {"gate": "command", "run": ["check", "two words", "$(x)"], "secrets": ["A", "B"], "timeout": "5m"},
        {"gate": "compare", "error_margin": "2%"},
    ],
)
def test_a_gate_as_a_mapping_and_as_a_line_is_the_same_gate(gate: dict[str, object]) -> None:
    assert gate_from_line(gate_line(gate)) == gate_from_mapping(gate)


def test_one_set_needs_no_file() -> None:
    config = one_set({"name": "web", "resource_group": "rg", "canary": "2", "image": None}, {})
    assert config == parse("sets: [{name: web, resource_group: rg, canary: 2}]", "x")


def test_faults_of_one_set_without_a_file_name_the_key() -> None:
    with pytest.raises(ConfigError, match=r"options: canary: found 'few'"):
        one_set({"name": "web", "resource_group": "rg", "canary": "few"}, {})
    with pytest.raises(ConfigError, match="options: the set: needs a resource_group"):
        one_set({"name": "web"}, {})
    with pytest.raises(ConfigError, match=r"options: jenkins\.agent: found 5"):
        one_set({"name": "web", "resource_group": "rg"}, {"agent": 5})


def test_the_schema_accepts_the_example_and_refuses_an_unknown_key() -> None:
    schema = json_schema()
    data = yaml.safe_load(EXAMPLE.read_text())
    jsonschema.validate(data, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**data, "jenkins": {"foldr": ""}}, schema)


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(
                st.one_of(
                    st.sampled_from(["sets", "jenkins", "defaults", "name", "gates", "rollout", "install", "canary"]),
                    st.text(max_size=5),
                ),
                inner,
                max_size=4,
            ),
        ),
    )
)
def test_any_yaml_is_a_config_or_a_config_error(data: object) -> None:
    try:
        found = parse(yaml.safe_dump(data), "vmss.yaml")
    except ConfigError as error:
        assert error.reasons  # noqa: PT017 - both results are right
    else:
        assert isinstance(found, Config)


@given(st.text(alphabet="ab:-{}[]&*!|>'\"\n #%,?<\0\t", max_size=40))
def test_any_text_is_a_config_or_a_config_error(text: str) -> None:
    try:
        parse(text, "vmss.yaml")
    except ConfigError as error:
        assert error.reasons  # noqa: PT017
