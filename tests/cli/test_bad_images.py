"""Images that cannot be rolled out or back to, typed: each is refused before anything changes, with the next step."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests

from vmss_jenkins.__main__ import main
from vmss_jenkins.emulator import Emulator
from vmss_jenkins.emulator.scenario.scenario import SCENARIOS

GALLERY = SCENARIOS["nginx-gallery"]
GOOD = GALLERY.releases["apps/nginx/1.0.1"]
OTHER = "5ca1e5e7-0000-4000-8000-000000000009"
FOREIGN = f"/subscriptions/{OTHER}/resourceGroups/theirs/providers/Microsoft.Compute/galleries/apps/images/nginx"
COMMUNITY = "/CommunityGalleries/apps-1f2e/Images/nginx"
READ = "Microsoft.Compute/galleries/images/versions/read"
ELSEWHERE = (f"{FOREIGN}/versions/1.0.0", f"{FOREIGN}/versions/1.0.1", f"{COMMUNITY}/versions/1.0.0")
RELEASES = {**GALLERY.releases, **dict.fromkeys(("apps/empty/1.0.0", *ELSEWHERE), GOOD)}
UNPUBLISHED = GALLERY.unpublished | {"apps/empty/1.0.0"}
FORWARD = (("rollout",), ("rollout", "--dry-run"), ("rollout", "--strategy", "surge"), ("resolve-image",))


@dataclass
class Typed:
    """An emulator, and commands that are typed against it."""

    emulator: Emulator
    capsys: pytest.CaptureFixture[str]

    def run(self, *words: str) -> tuple[int, str]:
        """Type a command; return its exit code and all that it prints."""
        code = main([*words, "-g", "canary-rg", "-n", "web"])
        printed = self.capsys.readouterr()
        return code, f"{printed.out}{printed.err}"

    def image(self, name: str) -> str:
        """The id of a definition of the gallery, or of a version."""
        return name if name.startswith("/") else self.emulator.scenario.gallery_image_id(name)

    def happens(self, fault: str) -> None:
        """Let something happen to a version at once."""
        self.emulator.inject(fault)
        requests.get(f"{self.emulator.endpoint}/subscriptions?api-version=2022-12-01", timeout=10)

    def publish(self, version: str) -> None:
        """Publish a version, and wait until its copy is in the region."""
        self.happens(f"publish image=apps/nginx/{version}")
        while f"means nginx/{version}" not in self.run("resolve-image", "--image-id", self.image("apps/nginx"))[1]:
            pass

    def changes(self) -> list[str]:
        """The requests that asked for a change of the set or of its instances."""
        calls = [call for call in self.emulator.calls if "/virtualMachineScaleSets/" in call["path"]]
        return [call["method"] for call in calls if call["method"] != "GET"]

    def running(self) -> list[str]:
        """The versions of the healthy instances."""
        return re.findall(r"nginx/(\S+) +\S+ +running +healthy", self.run("status")[1])


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Typed]]:
    with ExitStack() as stack:

        def make(**changes: Any) -> Typed:
            scenario = replace(GALLERY, **{"releases": RELEASES, "unpublished": UNPUBLISHED, **changes})
            emulator = stack.enter_context(Emulator(scenario, data_plane=False, time_scale=1000))
            for name, value in emulator.environment.items():
                monkeypatch.setenv(name, value)
            return Typed(emulator, capsys)

        yield make


def exclude(typed: Typed) -> None:
    url = f"{typed.emulator.endpoint}{typed.image('apps/nginx/1.0.0')}?api-version=2024-03-03"
    profile = {"excludeFromLatest": True, "targetRegions": [{"name": "westeurope"}]}
    body = {"location": "westeurope", "properties": {"publishingProfile": profile}}
    assert requests.patch(url, json=body, timeout=10).status_code == 200


@pytest.mark.parametrize("command", FORWARD, ids=" ".join)
@pytest.mark.parametrize(
    ("image", "scenario", "before", "code", "texts"),
    [
        ("apps/empty", {}, None, 2, ("it has no versions", "publish a version there, or give --image-id")),
        ("apps/nginx", {}, exclude, 2, ("1.0.0 is excluded from latest", "or give --image-id of an exact one")),
        (
            FOREIGN, {"denied_actions": frozenset({READ})}, None, 1,
            (f"action '{READ}' over scope '{FOREIGN}/versions'", "`vmss-jenkins azure-role` prints one"),
        ),
        (
            COMMUNITY, {}, lambda typed: typed.happens(f"withdraw image={COMMUNITY}/versions/1.0.0"), 1,
            ("GalleryImageNotFound", "a community gallery that was withdrawn, may still run on instances"),
        ),
        ("apps/nginx/0.9.0", {}, None, 1, ("check the id; a version that was deleted",)),
    ],
    ids=["no version", "all excluded", "no role", "withdrawn", "an exact version that does not exist"],
)  # fmt: skip
def test_an_image_that_no_instance_can_get_is_refused(
    start: Callable[..., Typed],
    command: tuple[str, ...],
    image: str,
    scenario: dict[str, Any],
    before: Callable[[Typed], None] | None,
    code: int,
    texts: tuple[str, ...],
) -> None:
    typed = start(**scenario)
    if before:
        before(typed)
    found, told = typed.run(*command, "--image-id", typed.image(image))
    assert (found, [text for text in texts if text not in told]) == (code, []), told
    assert typed.changes() == []


@pytest.mark.parametrize("command", FORWARD, ids=" ".join)
def test_a_definition_without_a_version_in_the_region_of_the_set_names_the_regions(
    start: Callable[..., Typed], command: tuple[str, ...]
) -> None:
    typed = start()
    version = typed.emulator.backend.galleries["canary-rg", "apps"].definitions["images", "nginx"].versions["1.0.0"]
    version.replicas = {"northeurope": replace(version.replicas["westeurope"], region="northeurope")}
    code, told = typed.run(*command, "--image-id", typed.image("apps/nginx"))
    assert (code, typed.changes()) == (2, [])
    assert "1.0.0 is not replicated to westeurope (its regions: northeurope); publish a version there" in told


@pytest.mark.parametrize("moving", ["pin", "float"])
@pytest.mark.parametrize("updated", [0, 1])
def test_a_version_that_is_deleted_in_the_middle_is_rolled_back(
    start: Callable[..., Typed], moving: str, updated: int
) -> None:
    typed = start()
    typed.publish("1.0.1")
    typed.emulator.inject(f"withdraw POST */manualupgrade skip={updated} image=apps/nginx/1.0.1")
    named = ("--image-id", typed.image("apps/nginx"), "--moving-image", moving)
    code, told = typed.run("rollout", *named, "--canary", "1", "--instance-timeout", "20")
    assert code == 1
    assert "rolled back: nginx/1.0.0" in told
    assert typed.running() == ["1.0.0"] * 3
    code, told = typed.run("resolve-image", *named)
    assert (code, "nginx means nginx/1.0.0 now: 3 of 3 instances have it" in told) == (0, True)


@pytest.mark.parametrize("named", [True, False])
def test_a_rollback_to_a_version_that_still_runs_but_is_gone_is_refused(
    start: Callable[..., Typed], named: bool
) -> None:
    typed = start()
    typed.publish("1.0.1")
    assert typed.run("rollout", "--canary", "1", "--canary-only")[0] == 0
    typed.happens("withdraw image=apps/nginx/1.0.0")
    before = typed.changes()
    to = ("--to", typed.image("apps/nginx/1.0.0")) if named else ()
    for words, exits in ((("rollback", *to), 2), (("rollback", *to, "--dry-run"), 1)):
        code, told = typed.run(*words)
        assert (code, typed.changes()) == (exits, before)
        assert "no instance can go back to nginx/1.0.0: it does not exist; it still runs on 1, 2;" in told
        assert "`vmss-jenkins history` shows earlier releases, give one with --to IMAGE_ID" in told


@pytest.mark.parametrize("strategy", ["waves", "surge"])
def test_a_rollout_whose_rollback_could_go_nowhere_is_refused_if_somebody_named_where(
    start: Callable[..., Typed], strategy: str
) -> None:
    """It is a typing mistake, or a version that is gone; without --to the same is a warning."""
    typed = start()
    typed.publish("1.0.1")
    gone = typed.image("apps/nginx/0.9.0")
    for words, exits in ((("rollout",), 2), (("rollout", "--dry-run"), 1)):
        code, told = typed.run(*words, "--strategy", strategy, "--to", gone)
        assert (code, typed.changes()) == (exits, [])
        assert "no instance can go back to nginx/0.9.0: it does not exist; `vmss-jenkins history` shows" in told
    typed.happens("withdraw image=apps/nginx/1.0.0")
    for words in (("rollout", "--dry-run"), ("rollout",)):
        code, told = typed.run(*words, "--strategy", strategy)
        assert code == 0
        warning = "warning: no instance can go back to nginx/1.0.0: it does not exist; it still runs on 0, 1, 2"
        assert warning in told
    assert typed.run("rollout", "--strategy", strategy, "--to", gone)[0] == 0, "all instances have it already"


def test_a_rollback_to_where_the_set_is_needs_no_version_in_the_dry_run_too(start: Callable[..., Typed]) -> None:
    typed = start()
    assert typed.run("rollout", "--image-id", typed.image("apps/nginx"))[0] == 0
    typed.happens("withdraw image=apps/nginx/1.0.0")
    before = typed.changes()
    for words in (("--dry-run",), ()):
        code, told = typed.run("rollback", "--to", typed.image("apps/nginx/1.0.0"), *words)
        assert (code, typed.changes()) == (0, before), told
        assert "warning: no instance can go back to nginx/1.0.0" in told
