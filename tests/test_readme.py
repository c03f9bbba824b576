"""Every command line that the README shows, run as it stands there."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.jenkins import test_seeding_story
from vmss_jenkins import config, demo, pipelines
from vmss_jenkins.emulator import Emulator

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
HERE = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands() -> Iterator[str]:
    for block in blocks("console"):
        yield from re.findall(r"^\$ (.*)$", block, re.MULTILINE)


PAIRED = [c for c in commands() if c.startswith(("vmss-jenkins switch", "vmss-jenkins blue-green"))]
STORY, OTHERS = blocks("console")[0], [c for c in commands() if "--dry-run" in c and c not in PAIRED]
ROLLOUTS = [
    c for c in commands() if c.startswith(("vmss-jenkins rollout", "vmss-jenkins rollback")) and c not in OTHERS
]
ROLES = [c for c in commands() if c.startswith("vmss-jenkins azure-role")]
SURGED = [c for c in ROLLOUTS if "surge" in c]
SCRIPTED = [c for c in ROLLOUTS if "--script" in c or "--extension" in c]


def generalised(text: str) -> list[str]:
    """Lines with what differs from run to run (ports, ids, times, counts, pages, waits) taken out."""
    untimed = re.sub(r"^\d\d:\d\d:\d\dZ ", "", text, flags=re.MULTILINE)
    lines = [re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+(\.\d+)?", "N", line.rstrip()) for line in untimed.splitlines()]
    return [line for line in lines if line and not line.startswith(("  Welcome", "waiting for"))]


def test_the_story_comes_out_as_the_readme_shows_it() -> None:
    """Played faster than in the README, so that the tests do not wait for it; nothing else differs."""
    played = subprocess.run(
        [sys.executable, "-m", "vmss_jenkins.demo", "--time-scale", "20"],
        cwd=ROOT,
        env=HERE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    assert re.search(r"requests of visitors +\d+, failed: 0$", played.stdout, re.MULTILINE)
    shown = [line for line in generalised(STORY) if "in progress" not in line]
    assert generalised(played.stdout + played.stderr) != []
    assert {line for line in shown if not _told(line)} == {
        line for line in generalised(played.stdout) if not _told(line)
    }
    # Whether an instance is healthy by the first look at it is a matter of the machine's speed.
    waits = {"waiting for N: not healthy yet"}
    assert {line for line in shown if _told(line)} - waits == {
        line for line in generalised(played.stderr) if _told(line)
    } - waits


def _told(line: str) -> bool:
    """Whether a line is what a command told on standard error while it worked."""
    return (
        bool(re.match(r"(update|set|waiting|canary-rg/web(:| now)|N of N healthy)", line))
        and "upgrade mode" not in line
    )


@pytest.fixture
def environment() -> Iterator[dict[str, str]]:
    with Emulator(data_plane=False, time_scale=100) as emulator:
        image = emulator.scenario.image_id("nginx-updated-image")
        old = emulator.scenario.image_id("nginx-base-image")
        values = {
            "OLD_IMAGE_ID": old,
            "RESOURCE_GROUP": "canary-rg",
            "NAME": "web",
            "IMAGE_ID": image,
            "INSTANCE_IDS": "0",
        }
        yield {**HERE, **emulator.environment, **values}


@pytest.mark.parametrize("command", OTHERS)
def test_the_commands_shown_alone_run(command: str, environment: dict[str, str]) -> None:
    done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "dry run: would" in done.stderr


def test_the_rollout_shown_goes_out_and_its_rollback_goes_back(environment: dict[str, str]) -> None:
    images = [command for command in ROLLOUTS if command not in (*SCRIPTED, *SURGED)]
    assert len(images) == 2
    for command in images:
        done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert "rolled back: nginx-base-image, 3 instances updated" in done.stderr


def test_the_surge_shown_goes_out_and_back(environment: dict[str, str]) -> None:
    assert len(SURGED) == 2
    for command in SURGED:
        done = subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert "rolled back: nginx-base-image, 3 instances new" in done.stderr


def test_the_script_shown_goes_out_and_back(tmp_path: Path) -> None:
    (tmp_path / "install_nginx.v1.sh").write_text("apt-get install -y nginx\n")
    with Emulator("nginx-extension", data_plane=False, time_scale=200) as emulator:
        values = {"CONTAINER": emulator.environment["VMSS_JENKINS_EMULATOR_CONTAINER"], "AZURE_STORAGE_KEY": "a2V5"}
        env = {**HERE, **emulator.environment, **values}
        for command in SCRIPTED:
            words = ["bash", "-c", command]
            done = subprocess.run(words, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    assert "rolled back: apt-get update" in done.stderr


def test_the_set_of_a_script_shown_gets_its_jobs() -> None:
    (text,) = [block for block in blocks("yaml") if "script:" in block]
    canary, *_ = pipelines.jobs_of(config.parse(text, "README.md"))
    assert "--access=sas" in canary.jenkinsfile


def test_the_image_job_shown_is_written(tmp_path: Path) -> None:
    (command,) = [c for c in commands() if c.startswith("vmss-jenkins render --packer")]
    subprocess.run(["bash", "-c", command], env=HERE, cwd=tmp_path, check=True)
    assert (tmp_path / "jobs" / "web-image" / "image.pkr.hcl").exists()


def test_the_releases_and_switches_of_the_pair_come_out_as_shown() -> None:
    (block,) = [one for one in blocks("console") if "vmss-jenkins blue-green" in one]
    shown = [part.splitlines() for part in block.split("$ ")[1:]]
    assert [lines[0] for lines in shown] == PAIRED
    with Emulator("nginx-blue-green", time_scale=50) as emulator:
        images = {"IMAGE_ID": "nginx-updated-image", "OLD_IMAGE_ID": "nginx-base-image"}
        values = {key: emulator.scenario.image_id(name) for key, name in images.items()}
        for command, *lines in shown:
            env, words = {**HERE, **emulator.environment, **values}, ["bash", "-c", command]
            done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            assert set(generalised("\n".join(lines))) <= set(generalised(done.stderr))


def test_the_pair_shown_can_be_had_as_jobs() -> None:
    (text,) = [block for block in blocks("yaml") if "pairs:" in block]
    assert [job.path for job in pipelines.jobs_of(config.parse(text, "README"))] == ["shop-blue-green", "shop-switch"]


@pytest.mark.parametrize("command", ROLES)
def test_the_role_shown_is_printed(command: str) -> None:
    done = subprocess.run(["bash", "-c", command], env=HERE, capture_output=True, text=True, check=True)
    assert '"Actions": [' in done.stdout


def test_the_steps_of_the_pipeline_run_in_their_order(environment: dict[str, str]) -> None:
    lines = re.findall(r"sh '(.*)'", "".join(blocks("groovy")))
    assert len(lines) == 2
    for line in lines:
        subprocess.run(["bash", "-c", line], env=environment, check=True)


def test_the_emulator_starts_as_shown_and_stops_when_told(tmp_path: Path) -> None:
    (line,) = [c for c in commands() if c.startswith("vmss-jenkins emulator --port")]
    words = [word.replace("8443", "0") for word in shlex.split(line)]
    with subprocess.Popen(
        words, env=HERE, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout
        assert run.stdout.readline().startswith("export VMSS_JENKINS_ENDPOINT=https://127.0.0.1:")
        while not run.stdout.readline().startswith("export REQUESTS_CA_BUNDLE="):
            pass
        run.terminate()
        assert run.wait(timeout=30) == 0


def test_every_command_line_is_covered_by_one_of_these() -> None:
    story = set(re.findall(r"^\$ (.*)$", STORY, re.MULTILINE))
    emulators = {c for c in commands() if c.startswith("vmss-jenkins emulator")}
    renders = {c for c in commands() if c.startswith("vmss-jenkins render --packer")}
    shown_alone = renders | set(OTHERS) | set(ROLLOUTS) | set(ROLES) | set(PAIRED)
    assert set(commands()) == story | shown_alone | emulators | set(test_seeding_story.COMMANDS)


def test_make_does_what_the_plain_commands_do() -> None:
    plain = "".join(blocks("sh"))
    assert "make demo" in plain
    assert "make test" in plain
    for line in (
        "-m venv",
        "-m pip install",
        "-m vmss_jenkins.demo",
        "-m pytest -n auto",
    ):
        assert line in plain
        assert line in MAKEFILE


def test_the_python_shown_names_what_there_is() -> None:
    for block in blocks("python"):
        compile(block, "README.md", "exec")
    used = set(re.findall(r"vmss_jenkins\.(\w+)\(", "".join(blocks("python"))))
    import vmss_jenkins  # noqa: PLC0415 - read only here

    assert used == {"update", "update_instances"}
    assert used <= set(vmss_jenkins.__all__)


def test_every_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_a_client_tries_a_refused_connection_once_more_and_counts_what_fails() -> None:
    client = demo.Client("http://127.0.0.1:9")
    assert client.visit().startswith("no page")
    assert (client.refused, client.failed) == (1, 1)
