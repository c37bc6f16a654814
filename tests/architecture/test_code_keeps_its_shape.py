"""Rules of layout and style that a linter does not know."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("benchmarks", "cloud", "edge_agent", "firmware", "launcher", "protocols")
PACKAGES += ("provisioning", "simulators", "trading")
LINES_MAX = 600
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
CLOUD_FILES = [path for path in FILES if path.relative_to(ROOT).parts[0] == "cloud"]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports_of(path: Path) -> set[str]:
    """Every module this file imports, wherever in the file: `from a.b import c` gives a.b.c too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_the_packages_were_found():
    assert len(FILES) > 100


def test_every_file_is_short_enough_to_be_read_at_once():
    long = {name_of(path): len(path.read_text().splitlines()) for path in FILES}
    assert not {name: lines for name, lines in long.items() if lines > LINES_MAX}


def test_every_file_says_why_it_exists():
    silent = [name_of(path) for path in FILES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert not silent


def test_no_feature_reads_the_tables_of_another():
    """It calls that feature's service or reacts to its event; `cloud/tables.py` only lists them."""
    trespasses = [
        f"{name_of(path)} imports {module}"
        for path in CLOUD_FILES
        if path != ROOT / "cloud" / "tables.py"  # the list of them all
        for module in imports_of(path)
        if module.startswith("cloud.")
        and module.endswith(".tables")
        and module != "cloud.tables"
        and module.split(".")[1] != path.relative_to(ROOT).parts[1]
    ]
    assert not trespasses


def test_services_leave_the_commit_to_the_session():
    """`Database.session` commits once, before the answer leaves; a second would split the work."""
    commits = [
        name_of(path)
        for path in CLOUD_FILES
        if path.name in ("service.py", "routes.py") and ".commit(" in path.read_text()
    ]
    assert not commits


def test_rules_are_pure():
    """Decisions on plain values: no database, no clock, no await, no chance."""
    impure = {"asyncio", "random", "secrets", "time", "sqlalchemy", "asyncpg", "redis", "litestar"}
    for path in CLOUD_FILES:
        if path.name == "rules.py":
            imported = {module.split(".")[0] for module in imports_of(path)}
            assert not imported & impure, name_of(path)
            assert "await " not in path.read_text(), name_of(path)
            assert ".now(" not in path.read_text(), name_of(path)


@pytest.mark.parametrize("module", ["cloud.kit.settings", "cloud.__main__"])
def test_what_the_command_line_imports_is_light(module: str):
    heavy = ["litestar", "sqlalchemy", "sqlmodel", "alembic", "asyncpg", "redis", "uvicorn"]
    script = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
