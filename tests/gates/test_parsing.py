from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmss_jenkins.errors import ConfigError
from vmss_jenkins.gates.comparison import Margins
from vmss_jenkins.gates.parsing import gate_from_line, gate_from_mapping, gate_texts, gates_from
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

NAMES = "instance-health, http, compare, command"


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
        ("", "gate '': no gate has this name; wanted instance-health, http, compare, command"),
        ("http name=''", "name: found ''; wanted a text"),
        ("http rate=fast", "rate: found 'fast'; wanted a number"),
        ("http percentile=x", "percentile: found 'x'; wanted a percentile, such as 95 or p95"),
        (
            "http expect-status=ok",
            "expect_status: found 'ok'; wanted one HTTP status or several, such as 200 or 200,301",
        ),
        ("http path=x", "gate http: found path 'x'"),
        ("http name=up path=x", "gate up: found path 'x'"),
        (
            "instance-health x=1",
            "unknown key 'x'; known: error_limit, failed_limit, inconclusive_limit, interval, name,",
        ),
        *((f"http port={port}", f"found port {port}; wanted 1 to 65535") for port in (0, 65536, -1)),
        *((f"http ssh-port={port}", f"found port {port}; wanted 1 to 65535") for port in (0, 65536)),
        *((f"http expect-status={code}", f"found status {code}; wanted 100 to 599") for code in (99, 600)),
        *((f"http {key}=0", f"found {key} 0; wanted more than 0") for key in ("timeout", "rate", "samples")),
        ("http max-latency=0", "found max_latency 0; wanted more than 0"),
        ("http percentile=0", "found percentile 0; wanted more than 0 and at most 100"),
        ("http share=0", "found share 0; wanted more than 0 and at most 1, such as 0.99 or 99%"),
        *((f"instance-health {key}=0", f"found {key} 0; wanted more than 0") for key in ("interval", "timeout")),
        *((f"http {key}-limit=-1", "found a negative number in") for key in ("inconclusive", "error")),
        ("compare samples=0", "found samples 0; wanted more than 0"),
        ("compare significance=0", "found significance 0; wanted more than 0 and less than 0.5, such as 0.01"),
        ("compare least-slowdown=-1", "least slowdown of 0 s or more"),
        ("compare error-margin=-0.01", "found error_margin -0.01; wanted 0 to less than 1, such as 0.01 or 1%"),
        ("command run=x timeout=0", "found timeout 0; wanted more than 0"),
        ("http url=http://", "found url 'http://'; wanted one such as http://web.example.com"),
        ("http url=http://x:0", "found url 'http://x:0'"),
        ("http url=http://[x", "found url 'http://[x'"),
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


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("http via=ssh", "found via ssh without ssh_user; give ssh_user"),
        ("command", "found no program in run; wanted a program with its arguments"),
        ("command run=' '", "found no program in run; wanted a program with its arguments"),
        (
            "compare via=frontend",
            "found via frontend, which cannot single out the canary; wanted private, public, nat or ssh",
        ),
    ],
)
def test_a_gate_that_lacks_something_says_what(line: str, reason: str) -> None:
    with pytest.raises(ConfigError) as raised:
        gate_from_line(line)
    assert raised.value.reasons == (reason,)


@pytest.mark.parametrize(
    "line",
    [
        "http port=1 ssh-port=65535",
        "http expect-status=100,599",
        "http percentile=1",
        "http percentile=100 share=1",
        "http percentile=0.5",
        "http max-latency=1ms",
        "http url=https://x:1",
        "http url=http://x",
        "instance-health steady=0",
        "instance-health steady=5m",
        "compare error-margin=0 max-slowdown=1 least-slowdown=0 samples=600",
        "compare significance=0.49",
        "http failed-limit=0 inconclusive-limit=0 error-limit=0",
        "command run=x secrets=a,_B,c1",
    ],
)
def test_the_first_and_the_last_value_are_good(line: str) -> None:
    assert gate_from_line(line)


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("run", ["a", 1], "run: found ['a', 1]; wanted a program with its arguments, as a list or in one text"),
        ("run", ["a\0b"], "found a NUL character in run"),
        ("secrets", "a;b", "secrets: found 'a;b'; wanted names of environment variables"),
        ("secrets", 7, "secrets: found 7; wanted names of environment variables"),
    ],
)
def test_a_bad_value_of_a_mapping_is_refused(key: str, value: object, reason: str) -> None:
    with pytest.raises(ConfigError) as raised:
        gate_from_mapping({"gate": "command", "run": "x", key: value})
    assert reason in raised.value.reasons


def test_secrets_are_a_list_or_one_text() -> None:
    for given_ in (["A", "_b1"], "A, _b1"):
        gate = gate_from_mapping({"gate": "command", "run": "x", "secrets": given_})
        assert isinstance(gate, CommandGate)
        assert gate.secrets == ("A", "_b1")


def test_without_a_name_a_mapping_is_no_gate() -> None:
    with pytest.raises(ConfigError, match=r"^gate '': no gate has this name"):
        gate_from_mapping({"path": "/"})
    with pytest.raises(ConfigError) as raised:
        CompareGate(expect=Expectation(status=()))
    assert raised.value.reasons == ("found no expected status; wanted one such as 200",)


def test_gates_are_lines_or_mappings_or_one_of_them() -> None:
    line = "http path=/up"
    mapping: Mapping[str, object] = {"gate": "instance-health"}
    both: list[str | Mapping[str, object]] = [line, mapping]
    up, healthy = HttpGate(path="/up"), HealthGate()
    assert gates_from(both) == (up, healthy)
    assert (gates_from(line), gates_from(mapping)) == ((up,), (healthy,))
    assert gate_texts(iter(both)) == (line, mapping)


@pytest.mark.parametrize(
    ("wrong", "reasons"),
    [
        ([], ["found no gate; give one such as 'http path=/health'"]),
        ([7, "http"], ["found 7; wanted gates such as 'http path=/health'"]),
        (["http", "x", "y"], [f"gate {name!r}: no gate has this name; wanted {NAMES}" for name in ("x", "y")]),
    ],
)
def test_all_gates_are_refused_together(wrong: list[str], reasons: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        gates_from(wrong)
    assert (raised.value.source, list(raised.value.reasons)) == ("gates", reasons)


@pytest.mark.parametrize(
    ("expect", "status", "body", "fault"),
    [
        (Expectation(), 200, "", None),
        (Expectation(), 404, "", "status 404, wanted 200"),
        (Expectation(status=(200, 204)), 404, "", "status 404, wanted 200 or 204"),
        (Expectation(text="v2"), 200, "a v2 b", None),
        (Expectation(text="v2"), 200, "v1", "the body does not contain 'v2'"),
        (Expectation(pattern="v[23]"), 200, "a v3", None),
        (Expectation(pattern="v[23]"), 200, "v1", "the body does not match 'v[23]'"),
    ],
)
def test_what_is_wrong_with_an_answer(expect: Expectation, status: int, body: str, fault: str | None) -> None:
    assert expect.fault(status, body) == fault


def test_the_new_release_is_known_by_its_text() -> None:
    marked = Expectation(release_text="v2")
    assert (marked.is_new_release("a v2"), marked.is_new_release("v1")) == (True, False)
    assert not Expectation().is_new_release("v2")


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
