"""The commands as a user types them, on a faked library; bad input is refused before the library is called."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import vmss_jenkins
from tests.support.fakes import NEW, OLD, WEB, three_old_instances
from vmss_jenkins.__main__ import main
from vmss_jenkins.cli import COMMANDS
from vmss_jenkins.errors import AzureError, Failure
from vmss_jenkins.gates.verdicts import Consequence, Outcome, Verdict
from vmss_jenkins.library import gates, rollout_preview, steps
from vmss_jenkins.measure.verification import Assessment
from vmss_jenkins.model.automation.policies import Automation, RepairAction
from vmss_jenkins.model.final_state import FinalState
from vmss_jenkins.model.findings import Finding, Severity
from vmss_jenkins.model.images import ImageReference
from vmss_jenkins.model.instances import Health, ScaleSet, UpgradeMode
from vmss_jenkins.model.network import Address, Endpoints, Port
from vmss_jenkins.rollout.instance_update import UpdateInstancesResult
from vmss_jenkins.rollout.plan.actions import RolloutSpec
from vmss_jenkins.rollout.plan.preview import Preview, preview
from vmss_jenkins.rollout.steps import UpdateResult

SET = ("-g", "canary-rg", "-n", "web")
Output = pytest.CaptureFixture[str]
Replace = Callable[[str, object], dict[str, Any]]


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Replace:
    """Replace a function of the library by a result or an error; gives what the function was called with."""

    def put(name: str, outcome: object) -> dict[str, Any]:
        called: dict[str, Any] = {}

        def fake(*arguments: object, **options: object) -> object:
            called.update(options, arguments=arguments)
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        monkeypatch.setattr(gates if name == "verify" else steps, name, fake)
        return called

    put("autoscale_settings", ())
    return put


def changed(*findings: Finding) -> UpdateResult:
    return UpdateResult(OLD, NEW, changed=True, seconds=4.2, request_ids=("request-1",), findings=findings)


@pytest.mark.parametrize("command", [*COMMANDS, ""])
def test_every_command_has_its_help(command: str, capsys: Output) -> None:
    assert main([command, "--help"] if command else ["--help"]) == 0
    assert "Usage: vmss-jenkins" in capsys.readouterr().out


def test_an_unknown_command_is_a_usage_error(capsys: Output) -> None:
    assert main(["upgrade"]) == 2
    assert "No such command 'upgrade'" in capsys.readouterr().err


def test_the_version_is_the_packages(capsys: Output) -> None:
    assert main(["--version"]) == 0
    assert vmss_jenkins.__version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["update", *SET], "--image-id, --image: found neither"),
        (["update", *SET, "--image-id", str(NEW), "--image", "a:b:c:d"], "found both"),
        (["update", *SET, "--image", "a:b:c"], "wanted publisher:offer:sku:version"),
        (["update", *SET, "--image-id", "nginx"], "is not an image id"),
        (["update", "-n", "web", "--image-id", str(NEW)], "Missing option '-g' / '--resource-group'"),
        (
            ["update", "-g", "", "-n", "", "--image-id", str(NEW)],
            "Invalid value for '-g' / '--resource-group': it is empty",
        ),
        (["update-instances", *SET], "Missing option '--instance-ids'"),
        (["update-instances", *SET, "--instance-ids", " , "], "found no id"),
        (["update-instances", *SET, "--instance-ids", "*,1"], "found '*' together with 1"),
        (["update-instances", *SET, "--instance-ids", "0"], "give --subscription, or set AZURE_SUBSCRIPTION_ID"),
        (["status", *SET, "--subscription", "s", "--endpoint", "http://example.com"], "is not encrypted"),
    ],
)
def test_bad_input_is_refused_before_anything_is_called(
    words: list[str], said: str, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AZURE_SUBSCRIPTION_ID", raising=False)
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_update_passes_its_options_on_and_prints_the_result_as_json(library: Replace, capsys: Output) -> None:
    called = library("update", changed())
    assert main(["update", *SET, "--image-id", str(NEW), "--timeout", "60", "--output", "json"]) == 0
    assert called["arguments"] == ("canary-rg", "web", NEW)
    assert (called["timeout"], called["dry_run"], called["allow_automatic_rollout"]) == (60, False, False)
    result = json.loads(capsys.readouterr().out)
    assert result["image_after"] == {"id": NEW.id}
    assert result["request_ids"] == ["request-1"]


def test_a_marketplace_image_is_given_as_a_urn(library: Replace) -> None:
    called = library("update", changed())
    assert main(["update", *SET, "--image", "Canonical:ubuntu:server:latest"]) == 0
    assert str(called["arguments"][2]) == "Canonical:ubuntu:server:latest"


@pytest.mark.parametrize(
    ("finding", "flags", "code"),
    [
        (Finding(Severity.WARNING, "autoscale"), [], 0),
        (Finding(Severity.UNSAFE, "all follow", "--allow-automatic-rollout"), [], 1),
        (Finding(Severity.UNSAFE, "all follow", "--allow-automatic-rollout"), ["--allow-automatic-rollout"], 0),
        (Finding(Severity.IMPOSSIBLE, "deleted"), ["--allow-automatic-rollout"], 1),
    ],
)
def test_a_dry_run_of_update_exits_1_if_something_blocks_it(
    library: Replace, finding: Finding, flags: list[str], code: int, capsys: Output
) -> None:
    library("update", changed(finding))
    assert main(["update", *SET, "--image-id", str(NEW), "--dry-run", *flags]) == code
    said = "be refused" if code else "change the model's image"
    assert f"dry run: would {said}" in capsys.readouterr().err


def test_a_dry_run_without_a_change_says_so(library: Replace, capsys: Output) -> None:
    library("update", replace(changed(), image_before=NEW))
    assert main(["update", *SET, "--image-id", str(NEW), "--dry-run"]) == 0
    assert "dry run: would change nothing" in capsys.readouterr().err


@pytest.mark.parametrize(("ids", "said"), [(("0", "1"), "would update 0, 1"), ((), "would update nothing")])
def test_a_dry_run_of_update_instances_names_them(
    library: Replace, capsys: Output, ids: tuple[str, ...], said: str
) -> None:
    library("update_instances", UpdateInstancesResult(ids, (), {}, 0.1, ()))
    assert main(["update-instances", *SET, "--instance-ids", "*", "--dry-run"]) == 0
    assert said in capsys.readouterr().err


def test_update_instances_prints_its_result_as_json(library: Replace, capsys: Output) -> None:
    called = library("update_instances", UpdateInstancesResult(("0",), ("1",), {"2": "protected"}, 20.8, ("r",)))
    assert main(["update-instances", *SET, "--instance-ids", "*", "--await-healthy", "--output", "json"]) == 0
    assert called["await_healthy"] is True
    assert json.loads(capsys.readouterr().out)["skipped"] == {"2": "protected"}


@pytest.mark.parametrize(("lacking", "code"), [((), 0), (("3",), 1)])
def test_update_instances_fails_if_a_wanted_instance_lacks_the_model(
    library: Replace, capsys: Output, lacking: tuple[str, ...], code: int
) -> None:
    final = FinalState(("2",), gone=("3",), lacking=lacking)
    library("update_instances", UpdateInstancesResult(("2",), (), {}, 2.0, (), (), final))
    assert main(["update-instances", *SET, "--instance-ids", "2,3", "--output", "json"]) == code
    assert json.loads(capsys.readouterr().out)["final"]["gone"] == ["3"]


def observed() -> tuple[ScaleSet, Any]:
    canary, second, third = three_old_instances()
    return (
        ScaleSet(WEB, NEW, capacity=3),
        (
            replace(canary, image=NEW, health=Health.INITIALIZING, protected_from_scale_in=True),
            replace(second, latest_model_applied=False, error="disk full"),
            replace(third, latest_model_applied=False, provisioning_state="Updating", power=None, zone=None),
        ),
    )


def test_status_is_a_table_that_no_console_cuts(library: Replace, capsys: Output) -> None:
    library("observe", observed())
    assert main(["status", *SET]) == 0
    first, headings, *rows = capsys.readouterr().out.splitlines()
    assert first == "canary-rg/web: image nginx-updated-image, upgrade mode Manual, Uniform, capacity 3, Succeeded"
    assert headings.split() == ["instance", "zone", "image", "latest", "model", "power", "health", "note"]
    assert rows[0].split() == [
        "0",
        "1",
        "nginx-updated-image",
        "yes",
        "running",
        "initializing",
        "protected",
        "from",
        "scale",
        "in",
    ]
    assert rows[1].split() == ["1", "2", "nginx-base-image", "no", "running", "healthy", "disk", "full"]
    assert rows[2].split() == ["2", "-", "nginx-base-image", "no", "unknown", "healthy", "Updating"]


@pytest.mark.parametrize(
    ("changes", "remark"),
    [
        ({"capacity": 5}, "only 3 of 5 instances exist: Azure could not create the others"),
        ({"upgrade_mode": UpgradeMode.ROLLING, "provisioning_state": "Updating"}, "Azure is changing the scale set"),
        (
            {"upgrade_mode": UpgradeMode.ROLLING, "provisioning_state": "Failed"},
            "the last operation of the scale set failed",
        ),
    ],
)
def test_status_reports_what_is_unusual_about_the_scale_set(
    library: Replace, capsys: Output, changes: dict[str, Any], remark: str
) -> None:
    scale_set, instances = observed()
    library("observe", (replace(scale_set, **changes), instances))
    assert main(["status", *SET]) == 0
    assert capsys.readouterr().out.splitlines()[1].startswith(remark)


def test_status_shows_the_addresses_of_the_scale_set_and_of_each_instance_on_request(
    library: Replace, capsys: Output
) -> None:
    library("observe", observed())
    here = Address("127.0.0.1", 8080)
    library("addresses", Endpoints((here,), {"0": (Port(Address("127.0.0.1", 50000), 80),)}))
    assert main(["status", *SET, "--addresses"]) == 0
    _, balanced, headings, *rows = capsys.readouterr().out.splitlines()
    assert balanced == "load balancer address: 127.0.0.1:8080"
    assert "own address" in headings
    assert ["127.0.0.1:50000 -> 80" in row for row in rows] == [True, False, False]
    assert main(["status", *SET, "--addresses", "--output", "json"]) == 0
    found = json.loads(capsys.readouterr().out)["addresses"]
    assert found["frontends"] == [{"host": "127.0.0.1", "port": 8080}]
    assert found["ports"]["0"][0]["backend_port"] == 80


def test_status_gives_the_outdated_ids_as_update_instances_takes_them(library: Replace, capsys: Output) -> None:
    library("observe", observed())
    assert main(["status", *SET, "--outdated", "--output", "ids"]) == 0
    assert capsys.readouterr().out == "1,2\n"


@pytest.mark.parametrize(
    ("suspended", "setting", "handling"),
    [
        ((), "Replace after 10 min", "suspended until the end"),
        (("AutomaticRepairs",), "Replace after 10 min, suspended", "stays suspended"),
        (None, "Replace after 10 min", "refused: the role lacks the action instanceView/read"),
    ],
)
def test_status_says_whether_azure_repairs_instances_now(
    library: Replace, capsys: Output, suspended: tuple[str, ...] | None, setting: str, handling: str
) -> None:
    scale_set, instances = observed()
    repaired: dict[str, Any] = {
        "services": ("AutomaticRepairs",),
        "automation": Automation(repairs=RepairAction.REPLACE),
    }
    library("observe", (replace(scale_set, **repaired), instances))
    library("suspended_services", suspended)
    assert main(["status", *SET]) == 0
    headings, row = capsys.readouterr().out.splitlines()[-2:]
    assert headings.split("  ")[0] == "also acts on the set"
    assert row.startswith(f"automatic repairs     {setting}  ")
    assert f"  replace an ill instance by a new one of the latest model  {handling}" in row
    assert main(["status", *SET, "--output", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["suspended"] == (None if suspended is None else list(suspended))


def test_status_as_json_shows_the_instances_and_notes_if_image_and_flag_disagree(
    library: Replace, capsys: Output
) -> None:
    scale_set, instances = observed()
    library("observe", (scale_set, (replace(instances[0], latest_model_applied=False), *instances[1:])))
    assert main(["status", *SET, "--output", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["scale_set"]["upgrade_mode"] == "Manual"
    assert [instance["id"] for instance in found["instances"]] == ["0", "1", "2"]
    assert found["notes"]["0"].endswith("; runs the model's image, but something else in the model has changed since")


def test_an_understood_failure_exits_1_with_its_message_and_no_traceback(library: Replace, capsys: Output) -> None:
    library("observe", AzureError("read x", Failure("ResourceNotFound", "gone")))
    assert main(["status", *SET]) == 1
    assert capsys.readouterr().err == "error: could not read x: ResourceNotFound: gone\n"


def test_ctrl_c_exits_130(library: Replace, capsys: Output) -> None:
    library("observe", KeyboardInterrupt())
    assert main(["status", *SET]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_an_aborted_build_ends_it_as_ctrl_c_does(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr(steps, "observe", lambda *_, **__: signal.raise_signal(signal.SIGTERM))
    assert main(["status", *SET]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_an_unexpected_error_exits_3_with_all_that_a_bug_report_needs(library: Replace, capsys: Output) -> None:
    library("observe", ZeroDivisionError("division by zero"))
    assert main(["status", *SET]) == 3
    told = capsys.readouterr().err
    assert "Traceback" in told
    assert f"vmss-jenkins {vmss_jenkins.__version__}, Python" in told


def python(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.strip()


def test_neither_help_nor_the_package_imports_a_heavy_library() -> None:
    heavy = (
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'azure', 'rich', 'requests', 'werkzeug', 'tenacity'}))"
    )
    assert python(f"import sys, vmss_jenkins; {heavy}") == "[]"
    assert python(f"import sys; from vmss_jenkins.__main__ import main; main(['--help']); {heavy}").endswith("[]")


def test_every_public_name_is_there_and_no_other() -> None:
    assert all(getattr(vmss_jenkins, name) for name in dir(vmss_jenkins))
    with pytest.raises(AttributeError, match="has no attribute 'upgrade'"):
        vmss_jenkins.upgrade  # noqa: B018 - reading it is the test


PASSED = Assessment("verify", ("0",), (Verdict("http", Outcome.PASSED, "fine"),), Consequence.GO_ON)
FAILED = Assessment("verify", ("0",), (Verdict("http", Outcome.FAILED, "bad"),), Consequence.FAIL)
HALTED = Assessment("verify", ("0",), (Verdict("http", Outcome.INCONCLUSIVE, "open"),), Consequence.HALT)


@pytest.mark.parametrize(("outcome", "code"), [(PASSED, 0), (FAILED, 1), (HALTED, 1)])
def test_verify_exits_by_the_consequence_of_the_verdicts(library: Replace, outcome: Assessment, code: int) -> None:
    called = library("verify", outcome)
    words = ["verify", *SET, "--gate", "http path=/health", "--gate", "compare", "--instance-ids", "0,2"]
    assert main(words) == code
    assert called["arguments"] == ("canary-rg", "web", ("http path=/health", "compare"))
    assert called["instance_ids"] == "0,2"


def test_verify_writes_its_verdicts_as_json(library: Replace, capsys: Output) -> None:
    library("verify", FAILED)
    assert main(["verify", *SET, "--gate", "http", "--output", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["consequence"], found["verdicts"][0]["outcome"]) == ("fail", "failed")


def test_verify_reports_the_faults_of_all_gates_before_anything_is_loaded(capsys: Output) -> None:
    assert main(["verify", *SET, "--gate", "http samples=x", "--gate", "htttp"]) == 2
    said = capsys.readouterr().err
    assert "gate http: samples: found 'x'; wanted a whole number" in said
    assert "gate 'htttp': no gate has this name" in said


def test_verify_needs_a_gate(capsys: Output) -> None:
    assert main(["verify", *SET]) == 2
    assert "Missing option '--gate'" in capsys.readouterr().err


def test_one_instance_goes_first_unless_none_is_wanted(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    def look(group: str, name: str, image: ImageReference, spec: RolloutSpec, **_: object) -> Preview:
        return preview(spec, image, ScaleSet(WEB, OLD, capacity=3), three_old_instances())

    monkeypatch.setattr(rollout_preview, "look_before_rollout", look)
    words = ["rollout", *SET, "--image-id", str(NEW), "--dry-run"]
    assert main(words) == 0
    assert "would update first, as the canary: 0" in capsys.readouterr().err
    assert main([*words, "--canary", "none"]) == 0
    assert "would update first, as the canary: none" in capsys.readouterr().err
    assert main([*words, "--canary", "none", "--canary-only"]) == 2
    assert "found --canary none; give how many instances" in capsys.readouterr().err
    assert main([*words, "--canary", "0"]) == 2
    assert "Invalid value for '--canary': found '0'; wanted a count such as 1" in capsys.readouterr().err
