"""Imports go one way: along the flow of the data, never back."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
INGESTION = PROJECT / "ingestion"
# Each may import those before it. The library's face, `ingestion` itself, may import all.
LAYERS = (
    "layout",
    "datasets",
    "errors",
    "progress",
    "literals",
    "remedies",
    "signals",
    "landing",
    "reading",
    "project",
    "settings",
    "home",
    "engine",
    "warehouse",
    "raw",
    "lineage",
    "build",
    "publish",
    "plan",
    "operate",
    "engines",
    "cli",
)


def module_name(file: Path) -> str:
    parts = file.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(file): file for file in sorted(INGESTION.rglob("*.py"))}


class WithoutTypes(ast.NodeTransformer):
    """Leaves out what is imported for type checkers only."""

    def visit_If(self, node: ast.If) -> ast.AST | None:
        is_for_types = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return None if is_for_types else self.generic_visit(node)


def imports_of(file: Path) -> Iterator[str]:
    """The modules that a file imports, those that it imports in a function included."""
    for node in ast.walk(WithoutTypes().visit(ast.parse(file.read_text()))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for name in node.names:
                whole = f"{node.module}.{name.name}"
                yield whole if whole in MODULES else node.module


def layer(module: str) -> str:
    return module.split(".")[1]


def test_every_module_and_package_has_its_layer() -> None:
    assert {layer(module) for module in MODULES if "." in module} == set(LAYERS)


def test_no_import_points_back_up() -> None:
    upward = [
        f"{module} imports {imported}"
        for module, file in MODULES.items()
        if "." in module
        for imported in imports_of(file)
        if imported.startswith("ingestion.")
        and LAYERS.index(layer(imported)) > LAYERS.index(layer(module))
    ]
    assert upward == []


def test_no_imports_go_round_in_circles() -> None:
    arrows = {
        module: {name for name in imports_of(file) if name in MODULES} - {module, "ingestion"}
        for module, file in MODULES.items()
        if module != "ingestion"
    }
    TopologicalSorter(arrows).prepare()


def test_ingestion_needs_neither_the_dashboard_nor_what_serves_development() -> None:
    others = ("dashboard", "local_dev", "tests", "benchmarks")
    found = [
        f"{module} imports {imported}"
        for module, file in MODULES.items()
        for imported in imports_of(file)
        if imported.split(".")[0] in others
    ]
    assert found == []


def test_tests_import_neither_each_other_nor_the_benchmarks() -> None:
    found = [
        f"{file.relative_to(PROJECT)} imports {imported}"
        for file in sorted((PROJECT / "tests").rglob("*.py"))
        for imported in imports_of(file)
        if imported.startswith(("tests.", "benchmarks"))
        and not imported.startswith("tests.support")
    ]
    assert found == []
