"""The way data flows, kept by the syntax tree: imports go downward only, and the core touches no world."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "vmss_jenkins"
LAYERS = (
    ("_version", "errors"),
    ("comparison", "gate_specs", "gate_parsing", "gates", "answers", "curves", "network", "switch_gates"),
    (
        "images",
        "releases",
        "scripts",
        "switch_plan",
        "switch_preview",
        "pair_plan",
        "azure_roles",
        "instances",
        "preflight",
        "events",
        "rollout_events",
        "switch_events",
        "surge_events",
        "headcount",
        "arm",
        "report",
        "handoff",
        "migration",
        "canonical",
        "jobs",
        "job_preflight",
    ),
    (
        "selection",
        "history",
        "capacity",
        "actions",
        "situation",
        "standing",
        "claims",
        "rollback",
        "rollout",
        "scale_in",
        "surge_view",
        "surge",
        "surge_checks",
        "expecting",
        "preview",
        "surge_preview",
        "pacing",
    ),
    ("located_yaml", "config_values", "config_faults", "config_parts", "config_script", "config_pairs", "config"),
    ("pipelines",),
    ("protocols",),
    (
        "clock",
        "credentials",
        "client_options",
        "azure_errors",
        "azure_operations",
        "tag_claims",
        "scale_sets",
        "script_sets",
        "switchboards",
        "uploading",
        "readability",
        "load_balancers",
        "draining",
    ),
    ("probes", "programs", "ssh_tunnels", "plugin_calls", "jenkins_errors", "jenkins_server"),
    ("heartbeat", "waiting", "steps", "probing", "verification", "job_changes", "seeding"),
    ("watching", "holding", "joint_claims", "refusals", "resizing", "acting", "telling", "surging", "engine"),
    ("pair_looking", "rewriting", "switching"),
    ("releasing",),
    ("reach",),
    ("measuring",),
    ("api",),
    ("rollouts", "surges", "pair_connection", "blue_green"),
    ("job_progress", "boundary", "live"),
    ("__init__", "cli", "demo", "pytest_plugin", "seed"),
    ("__main__",),
)
"""From the ground up; a module imports its own layer and those below it."""
PURE = frozenset().union(*LAYERS[:6])
WORLD = frozenset(
    {"aiohttp", "azure", "click", "flask", "http", "jenkins", "logging", "os", "random", "requests", "rich"}
    | {"socket", "ssl", "subprocess", "tempfile", "tenacity", "threading", "time", "urllib3", "werkzeug"}
)
"""What a pure module must not import: the clock, the network, the process and whatever reaches them."""
HEAVY = frozenset(
    {"aiohttp", "azure", "defusedxml", "flask", "jenkins", "jinja2", "pydantic", "requests", "rich", "trustme"}
    | {"werkzeug", "yaml"}
)


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(ROOT.rglob("*.py")):
        yield path.relative_to(ROOT).parts[0].removesuffix(".py"), path


def imports(path: Path, *, top_level: bool = False) -> set[str]:
    """The dotted names that a file imports, those under TYPE_CHECKING left out."""
    tree = ast.parse(path.read_text())
    found: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        if top_level and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        waiting.extend(ast.iter_child_nodes(node))
    return found


def ours(names: set[str]) -> set[str]:
    return {name.split(".")[1] for name in names if name.startswith("vmss_jenkins.")}


def test_every_module_has_its_layer() -> None:
    placed = {name for layer in LAYERS for name in layer} | {"emulator"}
    assert {name for name, _ in modules()} == placed


@pytest.mark.parametrize(
    ("name", "path"), [(n, p) for n, p in modules() if n != "emulator"], ids=lambda v: str(v)[-40:]
)
def test_imports_go_downward_only(name: str, path: Path) -> None:
    height = next(level for level, layer in enumerate(LAYERS) if name in layer)
    below = {module for layer in LAYERS[: height + 1] for module in layer}
    allowed = below | ({"emulator"} if path in {ROOT / "cli" / "emulator.py", ROOT / "pytest_plugin.py"} else set())
    assert ours(imports(path)) <= allowed


@pytest.mark.parametrize("path", [p for n, p in modules() if n in PURE], ids=lambda p: p.name)
def test_the_pure_core_touches_no_world(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & WORLD


@pytest.mark.parametrize("path", [p for n, p in modules() if n == "emulator"], ids=lambda p: p.name)
def test_the_emulator_imports_nothing_of_the_package_so_that_it_cannot_share_its_mistakes(path: Path) -> None:
    names = imports(path)
    assert all(name.startswith("vmss_jenkins.emulator") for name in names if name.startswith("vmss_jenkins"))


LIGHT = frozenset(
    {"__init__", "__main__", "api", "boundary", "canonical", "cli", "credentials", "job_progress", "jobs"}
) | {
    "seed",
    "seeding",
    "steps",
    "waiting",
}
"""What a command imports before it knows what to do."""


@pytest.mark.parametrize("path", [p for n, p in modules() if n in LIGHT], ids=lambda p: str(p)[-30:])
def test_nothing_heavy_is_imported_before_it_is_needed(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path, top_level=True)} & HEAVY
