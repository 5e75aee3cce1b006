"""Reads dbt's artifacts into rows: test results, columns and lineage edges."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

# One DDL per table of the schema `audit`; the marts of the Data page read them.
TEST_RESULTS = (
    "test_name varchar, model_name varchar, column_name varchar, description varchar, "
    "kind varchar, status varchar, severity varchar, failures bigint, run_at timestamp"
)
MODEL_COLUMNS = (
    "table_name varchar, layer varchar, position bigint, column_name varchar, "
    "data_type varchar, description varchar, tests varchar"
)
MODEL_EDGES = "from_name varchar, from_layer varchar, to_name varchar, to_layer varchar"
BUILDS = (
    "version varchar, git_sha varchar, built_at timestamp, tests_passed bigint, "
    "tests_warned bigint, tests_failed bigint, fingerprint varchar, audited_at timestamp, "
    "source varchar"
)
RELEASE_CHECKS = (
    "check_name varchar, kind varchar, expected bigint, loaded bigint, found bigint, "
    "outcome varchar, description varchar"
)
REFUSED_FILES = "path varchar, dataset varchar, bytes bigint, refused_at timestamp"

Node = Mapping[str, Any]
# Marts that report on the build itself, built once its test results are in.
REPORT_TAG = "audit_report"
# Configuration that does not affect what a model computes.
_NOT_CODE = ("database", "docs", "meta", "schema", "tags")


class TestResult(NamedTuple):
    """One row of `audit.test_results`."""

    test_name: str
    model_name: str
    column_name: str | None
    description: str
    kind: str
    status: str
    severity: str
    failures: int
    run_at: datetime

    @property
    def key(self) -> tuple[str, str]:
        """Unique key."""
        return self.test_name, self.model_name


class Project:
    """dbt's manifest: models, sources and tests.

    Args:
        target_path: dbt's target folder, which contains `manifest.json`.
    """

    def __init__(self, target_path: Path) -> None:
        manifest = json.loads((target_path / "manifest.json").read_text())
        nodes = manifest["nodes"].values()
        self._sources: list[Node] = [
            node for node in manifest["sources"].values() if node["schema"] == "raw"
        ]
        self._models: list[Node] = [n for n in nodes if n["resource_type"] == "model"]
        self._tests: dict[str, Node] = {
            n["unique_id"]: n for n in nodes if n["resource_type"] == "test"
        } | manifest.get("unit_tests", {})
        self._tables: dict[str, Node] = {n["unique_id"]: n for n in (*self._sources, *self._models)}
        self._parents: dict[str, list[str]] = manifest["parent_map"]
        name = manifest["metadata"]["project_name"]
        self._macros: dict[str, Node] = {
            unique_id: macro
            for unique_id, macro in manifest["macros"].items()
            if macro["package_name"] == name
        }
        self.engine = str(manifest["metadata"]["adapter_type"])

    def columns(self, types: Mapping[tuple[str, str], str]) -> list[tuple[Any, ...]]:
        """Lists the columns of each table.

        Args:
            types: The type of each (table, column) in the warehouse.

        Returns:
            Rows of `MODEL_COLUMNS`.
        """
        tests = self._tests_by_column()
        return [
            (
                _name(table),
                _layer(table),
                position,
                column["name"],
                types.get((_name(table), column["name"].lower()), column.get("data_type")),
                column["description"],
                ", ".join(sorted(tests[table["unique_id"], column["name"]])),
            )
            for table in self._tables.values()
            for position, column in enumerate(table["columns"].values(), start=1)
        ]

    def _tests_by_column(self) -> dict[tuple[str, str], set[str]]:
        tests: dict[tuple[str, str], set[str]] = defaultdict(set)
        for test in self._tests.values():
            if test.get("column_name"):
                tests[self._tested_id(test), test["column_name"]].add(test["test_metadata"]["name"])
        return tests

    def edges(self) -> list[tuple[str, str, str, str]]:
        """Lists which table is built from which.

        Returns:
            Rows of `MODEL_EDGES`.
        """
        return [
            (_name(parent), _layer(parent), _name(model), _layer(model))
            for model in self._models
            for parent_id in model["depends_on"]["nodes"]
            if (parent := self._tables.get(parent_id)) is not None
        ]

    def test_results(self, results: Iterable[Any]) -> list[TestResult]:
        """Joins a build's test results with what the manifest says about each test.

        Args:
            results: dbt's results, for models and tests alike.

        Returns:
            Rows of `TEST_RESULTS`.
        """
        now = datetime.now(UTC).replace(tzinfo=None)
        rows = []
        for result in results:
            test = self._tests.get(result.node.unique_id)
            if test is None:
                continue
            rows.append(
                TestResult(
                    test["name"],
                    _name(self._tables[self._tested_id(test)]),
                    test.get("column_name"),
                    test.get("description") or _in_words(test),
                    "unit test" if test["resource_type"] == "unit_test" else "data test",
                    str(result.status),
                    str(test["config"].get("severity", "error")).lower(),
                    result.failures or 0,
                    now,
                )
            )
        return rows

    def relations(self) -> set[tuple[str, str]]:
        """Lists every table and view that a build creates, as (schema, name)."""
        return {(str(model["schema"]), _name(model)) for model in self._models}

    @property
    def facts(self) -> dict[str, str]:
        """The schema of each incremental model, by name."""
        return {_name(node): str(node["schema"]) for node in self._incremental()}

    def code_of_facts(self) -> dict[str, dict[str, str]]:
        """Collects the code that determines each incremental model's rows.

        Returns:
            Per model, the text of each piece by name, such as `macro normalised_tag`: the model
            itself, its upstream models down to RAW, and the macros that any of them calls.
        """
        return {_name(node): self._code_of(node) for node in self._incremental()}

    def _incremental(self) -> list[Node]:
        return [n for n in self._models if n["config"]["materialized"] == "incremental"]

    def _code_of(self, model: Node) -> dict[str, str]:
        models = {node["unique_id"]: node for node in self._models}
        read = _reachable([model["unique_id"]], lambda unique_id: self._parents.get(unique_id, []))
        code = {f"model {_name(models[m])}": _code(models[m]) for m in read if m in models}
        called = [macro for m in read if m in models for macro in _macros_of(models[m])]
        for unique_id in _reachable(called, self._macros_called_by):
            if unique_id in self._macros:
                macro = self._macros[unique_id]
                code[f"macro {macro['name']}"] = macro["macro_sql"]
        return code

    def _macros_called_by(self, unique_id: str) -> list[str]:
        """The macros dbt finds in its text; for a dispatched one, this engine's variant."""
        macro = self._macros.get(unique_id)
        return [] if macro is None else _macros_of(macro)

    def tested(self, unique_id: str) -> str:
        """Returns the name of the table that a test checks."""
        return _name(self._tables[self._tested_id(self._tests[unique_id])])

    def _tested_id(self, test: Node) -> str:
        parents = [node for node in test["depends_on"]["nodes"] if node in self._tables]
        attached = test.get("attached_node") or test.get("tested_node_unique_id")
        return str(attached) if attached in self._tables else str(parents[-1])


def _reachable(starts: Iterable[str], following: Callable[[str], Iterable[str]]) -> set[str]:
    found: set[str] = set()
    waiting = list(starts)
    while waiting:
        unique_id = waiting.pop()
        if unique_id not in found:
            found.add(unique_id)
            waiting.extend(following(unique_id))
    return found


def _code(model: Node) -> str:
    """A model's SQL and its configuration, including what dbt_project.yml sets."""
    config = {k: v for k, v in model["config"].items() if k not in _NOT_CODE}
    return f"{model['raw_code']}\n{json.dumps(config, sort_keys=True)}"


def _macros_of(node: Node) -> list[str]:
    return list(node["depends_on"]["macros"])


def _in_words(test: Node) -> str:
    """Describes a generic test without a description, as in `relationships: to dim_movies`."""
    metadata = test.get("test_metadata") or {}
    arguments = {
        name: value
        for name, value in metadata.get("kwargs", {}).items()
        if name not in ("model", "column_name")
    }
    shown = ", ".join(f"{name} {value}" for name, value in arguments.items())
    name = str(metadata.get("name", test["name"])).replace("_", " ")
    return f"{name}: {shown}" if shown else name


def _name(table: Node) -> str:
    if table["resource_type"] == "source":
        return f"{table['schema']}.{table['name']}"
    return str(table["name"])


def _layer(table: Node) -> str:
    return "raw" if table["resource_type"] == "source" else str(table["fqn"][1])
