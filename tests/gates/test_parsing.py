import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.gates.comparison import Margins
from vmss_jenkins.gates.parsing import gate_from_line, gate_from_mapping
from vmss_jenkins.gates.specs import (
    CommandGate,
    CompareGate,
    Expectation,
    Gate,
    HealthGate,
    HttpGate,
    Limits,
    Via,
)


@pytest.mark.parametrize(
    ("line", "gate"),
    [
        ("instance-health", HealthGate()),
        ("instance-health steady=1m timeout=5m interval=15", HealthGate(steady=60, timeout=300, interval=15)),
        ("http", HttpGate()),
        (
            'http path=/health expect-status=200,204 expect-text="Welcome to nginx" samples=50 share=98%',
            HttpGate(
                path="/health", expect=Expectation(status=(200, 204), text="Welcome to nginx"), samples=50, share=0.98
            ),
        ),
        ("http via=nat port=8080 max-latency=250ms percentile=p99", HttpGate(
            via=Via.NAT, port=8080, max_latency=0.25, percentile=99
        )),
        ("http url=https://web.example.com release-text=v2", HttpGate(
            url="https://web.example.com", expect=Expectation(release_text="v2")
        )),
        ("http via=ssh ssh-user=azureuser ssh-port=2222", HttpGate(via=Via.SSH, ssh_user="azureuser", ssh_port=2222)),
        ("compare", CompareGate()),
        ("compare error-margin=2% max-slowdown=1.5 inconclusive-limit=3", CompareGate(
            margins=Margins(errors=0.02, slowdown=1.5), limits=Limits(inconclusive=3)
        )),
        ("command run='./check.sh --fast' timeout=2m secrets=AZURE_CLIENT_SECRET", CommandGate(
            run=("./check.sh", "--fast"), timeout=120, secrets=("AZURE_CLIENT_SECRET",)
        )),
        ("http name=front failed_limit=1 error_limit=0", HttpGate(
            name="front", limits=Limits(failed=1, inconclusive=2, error=0)
        )),
    ],
)  # fmt: skip
def test_a_line_is_a_gate(line: str, gate: Gate) -> None:
    assert gate_from_line(line) == gate


def test_a_mapping_has_values_of_its_own_types() -> None:
    wanted = HttpGate(samples=20, share=1, timeout=2.5, expect=Expectation(status=(200, 301)))
    mapping = {"gate": "http", "samples": 20, "share": 1, "timeout": 2.5, "expect_status": [200, 301]}
    assert gate_from_mapping(mapping) == wanted


def test_a_command_is_a_list_or_one_text() -> None:
    as_list = gate_from_mapping({"gate": "command", "run": ["check", "two words"]})
    assert as_list == gate_from_mapping({"gate": "command", "run": "check 'two words'"})


def test_all_faults_are_reported_together() -> None:
    with pytest.raises(ConfigError) as raised:
        gate_from_mapping(
            {
                "gate": "http",
                "samples": "many",
                "share": 2,
                "path": "health",
                "expect_pattern": "(",
                "expect_status": 99,
                "via": "teleport",
                "smaples": 3,
            }
        )
    text = str(raised.value)
    for part in (
        "samples: found 'many'; wanted a whole number",
        "found share 2; wanted more than 0 and at most 1",
        "found path 'health'",
        "found pattern '('",
        "found status 99",
        "via: found 'teleport'; wanted frontend, private, public, nat, ssh",
        "unknown key 'smaples'; known: ",
    ):
        assert part in text
    assert len(raised.value.reasons) == 7


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "no gate has this name; wanted instance-health, http, compare, command"),
        ("htttp path=/", "no gate has this name"),
        ("http path", "found 'path'; wanted key=value"),
        ("http path='/", "No closing quotation"),
        ("http path=/ path=/b", "found path more than once"),
        ("http samples=0", "found samples 0; wanted more than 0"),
        ("http timeout=nan", "wanted seconds, such as 5, 500ms, 5s or 2m"),
        ("http share=x", "wanted a share, such as 0.99 or 99%"),
        ("http percentile=101", "found percentile 101"),
        ("http scheme=gopher", "found scheme 'gopher'"),
        ("http port=70000", "found port 70000"),
        ("http 'path=/a b'", "found path '/a b'"),
        ("http url=ftp://x", "found url 'ftp://x'"),
        ("http via=private url=http://x", "wanted via frontend, or no url"),
        ("http via=ssh", "found via ssh without ssh_user"),
        ("http failed-limit=-1", "found a negative number"),
        ("instance-health steady=10m", "found steady 600 s; wanted 0 to the timeout of 300 s"),
        ("compare via=frontend", "cannot single out the canary"),
        ("compare samples=700", "found max_samples 600; wanted at least samples, 700"),
        ("compare significance=0.5", "found significance 0.5"),
        ("compare error-margin=1", "found error_margin 1"),
        ("compare max-slowdown=0.5", "a slowdown of 1 or more"),
        ("command", "found no program in run"),
        ("command run=check secrets=A-B", "wanted names of environment variables"),
        ("""command 'run=check "'""", "wanted a program with its arguments: No closing quotation"),
    ],
)
def test_a_bad_line_is_refused_with_its_fault(line: str, reason: str) -> None:
    with pytest.raises(ConfigError) as raised:
        gate_from_line(line)
    assert reason in str(raised.value)


def test_the_port_of_a_gate_follows_from_its_scheme() -> None:
    assert [HttpGate().service_port, HttpGate(scheme="https").service_port, HttpGate(port=8080).service_port] == [
        80,
        443,
        8080,
    ]


words = st.text(alphabet="http=1.,%-'\" /\0é\n", max_size=12)


@given(
    st.dictionaries(
        st.sampled_from(["gate", "samples", "share", "via", "timeout", "run", "expect_status", "secrets", "name"]),
        st.one_of(words, st.integers(), st.floats(), st.booleans(), st.none(), st.lists(words)),
    ),
    st.sampled_from(["http", "command", "compare", "instance-health"]),
)
def test_any_mapping_is_a_gate_or_a_config_error(values: dict[str, object], kind: str) -> None:
    try:
        gate = gate_from_mapping({"gate": kind, **values})
    except ConfigError as error:
        assert error.reasons  # noqa: PT017 - either end is right
    else:
        assert gate.kind


@given(words)
def test_any_line_is_a_gate_or_a_config_error(line: str) -> None:
    try:
        gate_from_line(f"http path=/ {line}")
    except ConfigError as error:
        assert error.reasons  # noqa: PT017
