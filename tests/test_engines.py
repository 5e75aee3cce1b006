"""One object per target has all that differs between engines, and nobody else asks for it."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
import yaml

import dashboard.marts
import dashboard.settings
from ingestion.engine import ENGINES, Engine, engine_of
from ingestion.settings import Settings

PROJECT = Path(__file__).parents[1]
PAGE = (PROJECT / "docs" / "engines.md").read_text()
REGISTRIES = {
    PROJECT / "ingestion" / "engine.py",
    PROJECT / "dashboard" / "marts.py",
}
SOURCES = [
    path
    for folder in ("ingestion", "dashboard", "local_dev", "benchmarks")
    for path in sorted((PROJECT / folder).rglob("*.py"))
]
NAMES = {"dev", "prod", "duckdb", "snowflake"}


def names_a_target(node: ast.AST) -> bool:
    """Whether a part of the expression is `settings.target` or the name of a target or engine."""
    return any(
        (isinstance(part, ast.Constant) and part.value in NAMES)
        or (isinstance(part, ast.Attribute) and part.attr == "target" and "settings" in said(part))
        for part in ast.walk(node)
    )


def said(node: ast.AST) -> str:
    return ast.unparse(node).lower()


def asks(node: ast.AST) -> bool:
    """Whether it chooses by target, engine or class of an engine."""
    match node:
        case ast.Compare():
            return any(names_a_target(part) for part in (node.left, *node.comparators))
        case ast.Match():
            return any(names_a_target(part) for part in (node.subject, *node.cases))
        case ast.Dict():
            return {"dev", "prod"} <= {k.value for k in node.keys if isinstance(k, ast.Constant)}
        case ast.Subscript():
            return isinstance(node.slice, ast.Attribute) and names_a_target(node.slice)
        case ast.Call(func=ast.Name(id="isinstance"), args=[_, kind]):
            return bool(re.search(r"\b(duckdb|snowflake|marts)\w+", said(kind)))
        case ast.Call(func=ast.Attribute(attr="get" | "startswith" | "endswith"), args=[*args]):
            return any(names_a_target(part) for part in (node.func, *args))
    return False


def lines_that_ask(source: str) -> Iterator[str]:
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if asks(node):
            yield f"{node.lineno}: {lines[node.lineno - 1].strip()}"  # type: ignore[attr-defined]


def test_no_code_but_the_registries_asks_for_the_target() -> None:
    found = {
        str(path.relative_to(PROJECT)): lines
        for path in SOURCES
        if path not in REGISTRIES and (lines := list(lines_that_ask(path.read_text())))
    }
    assert found == {}, "ask engine_of(settings) for what differs: docs/engines.md"


@pytest.mark.parametrize(
    "code",
    [
        'if settings.target == "dev": pass',
        'x = self.settings.target != "prod"',
        "x = settings.target is not other",
        'x = settings.target in ("dev", "other")',
        'x = project.engine == "snowflake"',
        'x = "duckdb" in name',
        'match settings.target:\n    case "new": pass',
        'match name:\n    case "prod": pass',
        "x = {'dev': 1, 'prod': 2}",
        "x = classes[settings.target]",
        "x = classes.get(settings.target)",
        'x = settings.target.startswith("pro")',
        "x = isinstance(target, SnowflakeWarehouse)",
    ],
)
def test_code_that_asks_is_found(code: str) -> None:
    assert list(lines_that_ask(code))


@pytest.mark.parametrize(
    "code",
    [
        "if lease.target.exists(): pass",
        "if target.is_exclusive: pass",
        'environment = {"MOVIELENS_TARGET": settings.target}',
        'for target in ("dev", "prod"): pass',
        'differ = table(found["dev"], found["prod"])',
        'target: Literal["dev", "prod"] = Field("dev")',
        "x = len(work.target) > 1",
    ],
)
def test_code_that_passes_the_target_on_is_not(code: str) -> None:
    assert not list(lines_that_ask(code))


def test_every_target_has_an_engine_a_reader_and_an_output_of_dbt() -> None:
    targets = set(get_args(Settings.model_fields["target"].annotation))
    of_dashboard = get_args(dashboard.settings.Settings.model_fields["target"].annotation)
    profile = yaml.safe_load((PROJECT / "profiles.yml").read_text())["movielens"]
    assert targets == set(ENGINES) == set(of_dashboard)
    assert targets == set(dashboard.marts.ENGINES) == set(profile["outputs"])


def members() -> set[str]:
    named = {name for name, _ in inspect.getmembers(Engine) if not name.startswith("_")}
    return named | set(Engine.__annotations__)


@pytest.mark.parametrize("target", ENGINES)
def test_an_engine_has_every_member_and_no_other(target: str) -> None:
    """What one alone had, somebody would have to ask for."""
    engine = engine_of(Settings(target=target, _env_file=None))  # type: ignore[arg-type]
    assert {name for name in dir(engine) if not name.startswith("_")} == members()


def test_duckdb_never_imports_snowflake(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
import ingestion.operate.idle, ingestion.operate.run, ingestion.operate.steps
import ingestion.operate.status
from ingestion.engine import engine_of
from ingestion.settings import Settings
engine = engine_of(Settings(home=Path({str(tmp_path)!r}), _env_file=None))
engine.warehouse(), engine.looked_at(), engine.published(), engine.as_of_export()
engine.dbt_variables()
with engine.dbt_session(connects=False):
    pass
print(sorted(name for name in sys.modules if "snowflake" in name))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def rows_of(heading: str) -> set[str]:
    section = PAGE.partition(f". {heading}\n")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def test_the_page_lists_every_member_of_an_engine() -> None:
    assert rows_of("The engine") == members()


def test_the_page_lists_every_macro_of_a_dialect() -> None:
    macros = "".join(path.read_text() for path in (PROJECT / "macros" / "dialect").glob("*.sql"))
    assert rows_of("The dialect") == set(re.findall(r"adapter\.dispatch\('(\w+)'", macros))


def test_the_page_names_files_that_are_there() -> None:
    named = re.findall(r"(?:`|pytest )([\w./]+(?:/|\.py|\.yml|\.toml|\.cfg))`", PAGE)
    assert len(named) > 10
    assert [name for name in named if not (PROJECT / name).exists()] == []
