"""The house: which room may know which, how large a room may be, and nothing heavy on the way to serving."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("mockserver", "contract_tests")
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}

MAY_KNOW = {
    "simulation": set(),
    "contract": set(),
    "interception": {"runtime"},
    "log": {"simulation"},
    "runtime": {"log", "simulation"},
    "web": {"runtime", "log", "simulation", "contract", "data"},
    "data": set(),
    "config": {"web", "simulation", "contract"},
    "testing": {"environment", "interception", "web", "runtime", "contract", "simulation", "data"},
    "pytest_plugin": {"testing"},
    "demo": {"testing", "contract", "data"},
    "explain": {"contract"},
    "agents": {"data", "testing", "contract"},
    "environment": {"interception"},
    "program": {"environment", "interception", "testing", "web", "simulation"},
    "preload": set(),
    "cli": {"agents", "explain", "config", "web", "log", "contract", "demo", "program", "interception"},
    "__main__": {"cli"},
}
"""Arrows point inward: web -> runtime -> log -> simulation, web -> contract; the two innermost know nobody."""

INNER = {
    "mockserver.contract.document": ("mockserver.contract.document", "mockserver.contract.reading"),
    "mockserver.contract.request": ("mockserver.contract.document", "mockserver.contract.request"),
}
"""The rooms within `contract` that the rest of it stands on, and what they may know."""

PURE = {"simulation": {"msgspec"}, "contract": {"msgspec", "yaml", "jsonschema_rs"}}
"""What the innermost rooms take from outside the standard library."""

IMPURE = {"time", "random", "asyncio", "socket", "os", "threading", "datetime", "secrets", "uuid"}
"""What a pure world has no use for."""


def imports(module: str) -> set[str]:
    """Every module that this one imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def room(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "mockserver" else ""


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("contract_tests")])
def test_contract_tests_judge_from_outside(module: str) -> None:
    known = {other for other in imports(module) if other.split(".")[0] == "mockserver"} & MODULES.keys()
    assert known <= {"mockserver", "mockserver.testing"}


@pytest.mark.parametrize("module", [name for name in MODULES if room(name)])
def test_arrows_point_inward(module: str) -> None:
    here = room(module)
    known = {room(other) for other in imports(module) if other in MODULES} - {"", here}
    assert known <= MAY_KNOW[here], f"{module} may know {sorted(MAY_KNOW[here])}"


@pytest.mark.parametrize("module", [name for name in MODULES if name.rpartition(".")[0] in INNER])
def test_what_is_read_and_what_is_asked_know_nothing_of_what_is_made_of_them(module: str) -> None:
    known = {other for other in imports(module) if other in MODULES and other.startswith("mockserver.contract.")}
    assert {other for other in known if not other.startswith(INNER[module.rpartition(".")[0]])} == set()


def test_no_module_leads_back_to_itself() -> None:
    arrows = {name: {other for other in imports(name) if other in MODULES} - {name, "mockserver"} for name in MODULES}
    packages = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    left = {name: others - packages for name, others in arrows.items() if name not in packages}
    while leaves := {name for name, others in left.items() if not others & left.keys()}:
        left = {name: others for name, others in left.items() if name not in leaves}
    assert not left, f"these know each other in a circle: {sorted(left)}"


@pytest.mark.parametrize("module", [name for name in MODULES if room(name) in PURE])
def test_inner_rooms_take_little_from_outside(module: str) -> None:
    outside = {name.partition(".")[0] for name in imports(module)} - set(sys.stdlib_module_names) - {"mockserver"}
    assert outside <= PURE[room(module)]


@pytest.mark.parametrize("module", [name for name in MODULES if room(name) == "simulation"])
def test_the_world_reads_no_clock_and_no_chance(module: str) -> None:
    assert not {name.partition(".")[0] for name in imports(module)} & IMPURE


@pytest.mark.parametrize("module", list(MODULES))
def test_a_file_stays_readable(module: str) -> None:
    assert len(MODULES[module].read_text().splitlines()) <= 380


def calls(module: str, names: set[str]) -> list[ast.Call]:
    """Where it calls an attribute of such a name."""
    found = [node for node in ast.walk(ast.parse(MODULES[module].read_text())) if isinstance(node, ast.Call)]
    return [call for call in found if isinstance(call.func, ast.Attribute) and call.func.attr in names]


@pytest.mark.parametrize("module", list(MODULES))
def test_no_text_is_read_or_written_as_the_locale_has_it(module: str) -> None:
    assert [call.lineno for call in calls(module, {"read_text"}) if not (call.args or call.keywords)] == []
    assert [call.lineno for call in calls(module, {"write_text"}) if len(call.args) + len(call.keywords) < 2] == []


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("mockserver.")])
def test_the_mock_waits_by_nothing_that_tests_replace(module: str) -> None:
    slept = [ast.unparse(call.func) for call in calls(module, {"sleep"})]
    assert slept == (["time.sleep"] if module == "mockserver.demo" else [])


def test_serving_loads_nothing_heavy() -> None:
    heavy = "{'httpx', 'rich', 'jinja2', 'hypothesis', 'schemathesis', 'pytest', 'sqlite3', 'redis', 'http.server'}"
    source = (
        "import sys, mockserver.cli, mockserver.config\n"
        "from mockserver.web.app import Application\n"
        "from mockserver.web.options import Options\n"
        "from mockserver.web.server import Server\n"
        "Server(Application(Options()), print)\n"
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_what_ci_leaves_out_is_there() -> None:
    told = (ROOT / "tests" / "left_by_ci.txt").read_text().splitlines()[2:]
    assert [line for line in told if not (ROOT / line.split()[0]).is_file()] == []


def test_a_start_reads_no_yaml() -> None:
    """The kit's own documents are kept as they were read: what reads them anew is loaded by whoever needs it."""
    source = "import sys, mockserver.config, mockserver.web.server; print('yaml' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "False"


def test_nothing_names_a_registry_or_a_path_of_a_machine() -> None:
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True, cwd=ROOT)
    words = ("/" + "work/", "/" + "home/", "/" + "root/", "pypi" + ".org", "files.python" + "hosted")
    for name in tracked.stdout.split():
        text = (ROOT / name).read_bytes().decode("utf-8", "replace") if (ROOT / name).is_file() else ""
        assert not [word for word in words if word in text], name
