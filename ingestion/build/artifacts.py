"""Reads dbt's artifacts into rows: test results, columns and lineage edges."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from ingestion.datasets import MANIFEST
from ingestion.lineage.analysis import Analysis

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
TESTED_TABLES = "test_name varchar, model_name varchar, table_name varchar, layer varchar"
COLUMN_EDGES = (
    "from_name varchar, from_column varchar, to_name varchar, to_column varchar, through varchar"
)
BUILDS = (
    "version varchar, git_sha varchar, built_at timestamp, tests_passed bigint, "
    "tests_warned bigint, tests_failed bigint, fingerprint varchar, source varchar"
)
RELEASE_CHECKS = (
    "check_name varchar, kind varchar, expected bigint, loaded bigint, found bigint, "
    "outcome varchar, description varchar"
)
REFUSED_FILES = "path varchar, dataset varchar, bytes bigint, refused_at timestamp"
SEEN_VERSIONS = (
    "data_version varchar, built_at timestamp, n_ratings bigint, n_users bigint, "
    "n_movies bigint, n_rated_movies bigint, n_tag_applications bigint, sum_rating double, "
    "tests_passed bigint, tests_warned bigint"
)
SEEN_TOP_FILMS = (
    "movie_id bigint, title varchar, release_year bigint, n_ratings bigint, "
    "weighted_score double, rank_weighted bigint"
)
AUDIT_TABLES = {
    "builds": BUILDS,
    "column_edges": COLUMN_EDGES,
    "model_columns": MODEL_COLUMNS,
    "model_edges": MODEL_EDGES,
    "refused_files": REFUSED_FILES,
    "release_checks": RELEASE_CHECKS,
    "seen_top_films": SEEN_TOP_FILMS,
    "seen_versions": SEEN_VERSIONS,
    "test_results": TEST_RESULTS,
    "tested_tables": TESTED_TABLES,
}

Node = Mapping[str, Any]
# The test of many columns of a model at once, and its arguments that name them.
_MANY_COLUMNS, _RULES = "valid_columns", ("not_null", "in_range")
# What stands for a column where the rows of a table are counted.
ROWS = "*"
# Marts that report on the build itself, built once its test results are in.
REPORT_TAG = "audit_report"
# The model that is a snapshot of the manifest.
SNAPSHOT = "src_files"
# Models and tests that refer to the snapshot directly, so any file may change them. Those that read
# RAW get it through macros, which look up only the files of their own tables.
READS_SNAPSHOT = "reads_manifest"


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


class Test(NamedTuple):
    """A test, and the tables that decide its result.

    Attributes:
        name: Its name.
        kind: `data test` or `unit test`.
        table: The model or source that it checks.
        reads: All tables that it reads; of a unit test, those it stands in for.
        tags: Its tags.
        description: What it asserts, in words.
    """

    name: str
    kind: str
    table: str
    reads: frozenset[str]
    tags: frozenset[str]
    description: str = ""

    @property
    def decided_by(self) -> frozenset[str]:
        """The tables that decide its result.

        Most tests read the snapshot of the manifest, which any file changes, only to find the files
        of their own tables.
        """
        names_it = READS_SNAPSHOT in self.tags or self.reads == {SNAPSHOT}
        return self.reads if names_it else self.reads - {SNAPSHOT}


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
        self._children: dict[str, list[str]] = manifest["child_map"]

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
            for column, rule in _rules(test):
                tests[self._tested_id(test), column].add(rule)
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
        return [
            self._result(test, str(result.status), result.failures or 0, now)
            for result in results
            if (test := self._tests.get(result.node.unique_id)) is not None
        ]

    def test_results_of(self, passed: Mapping[str, tuple[str, int, datetime]]) -> list[TestResult]:
        """Joins earlier test results with what the manifest says about each test.

        Args:
            passed: Status, failing rows and time of each test, by name.

        Returns:
            Rows of `TEST_RESULTS`.
        """
        tests = (test for test in self._tests.values() if test["name"] in passed)
        return [self._result(test, *passed[test["name"]]) for test in tests]

    def _result(self, test: Node, status: str, failures: int, run_at: datetime) -> TestResult:
        return TestResult(
            test["name"],
            _name(self._tables[self._tested_id(test)]),
            test.get("column_name"),
            _described(test),
            _kind(test),
            status,
            str(test["config"].get("severity", "error")).lower(),
            failures,
            run_at,
        )

    def relations(self) -> set[tuple[str, str]]:
        """Lists every table and view that production shows, as (schema, name)."""
        return {(schema, name) for name, schema in self.layers.items()}

    @property
    def layers(self) -> dict[str, str]:
        """The schema in which production shows each model, by name."""
        return {_name(model): str(model["schema"]) for model in self._models}

    @cached_property
    def facts(self) -> frozenset[str]:
        """The incremental models."""
        return self._materialized("incremental")

    @cached_property
    def views(self) -> frozenset[str]:
        """The models that are views."""
        return self._materialized("view")

    def _materialized(self, how: str) -> frozenset[str]:
        return frozenset(_name(n) for n in self._models if n["config"]["materialized"] == how)

    def parents(self, model: str) -> list[str]:
        """Returns the tables that a model reads."""
        return [parent for parent, _, name, _ in self.edges() if name == model]

    def datasets_of(self, model: str) -> list[str]:
        """Returns the RAW tables whose files can affect a model."""
        return [dataset for dataset, behind in self._behind.items() if model in behind]

    @cached_property
    def _behind(self) -> dict[str, set[str]]:
        names = (_name(source).removeprefix("raw.") for source in self._sources)
        return {name: self._behind_one(f"raw.{name}") for name in names if name != MANIFEST}

    @cached_property
    def reports(self) -> set[str]:
        """The models that report on the build itself."""
        return self._downstream(n["unique_id"] for n in self._models if REPORT_TAG in n["tags"])

    def keys(self) -> dict[str, tuple[str, ...]]:
        """Finds the columns that tell the rows of a model apart, as its tests prove.

        Returns:
            By model, of several keys the shortest, then the one whose columns come first; a model
            without such a test is left out.
        """
        found: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        for test in self._tests.values():
            key = _key_of(test)
            if key:
                found[self._tested_id(test)].append(key)
        return {_name(self._tables[name]): self._best(name, keys) for name, keys in found.items()}

    def _best(self, unique_id: str, keys: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
        places = {column: at for at, column in enumerate(self._tables[unique_id]["columns"])}
        return min(keys, key=lambda key: (len(key), [places.get(name, 0) for name in key]))

    def _behind_one(self, source: str) -> set[str]:
        starts = [n["unique_id"] for n in self._sources if _name(n) == source]
        starts += [n["unique_id"] for n in self._models if READS_SNAPSHOT in n["tags"]]
        return {SNAPSHOT} | self._downstream(starts)

    def _downstream(self, starts: Iterable[str]) -> set[str]:
        """The names of these tables' models and of all that are built from them."""
        found: set[str] = set()
        waiting = list(starts)
        while waiting:
            unique_id = waiting.pop()
            if unique_id not in found:
                found.add(unique_id)
                waiting.extend(self._children.get(unique_id, []))
        return {_name(node) for node in self._models if node["unique_id"] in found}

    @cached_property
    def tests(self) -> list[Test]:
        """The data tests and unit tests."""
        return [
            Test(
                name=test["name"],
                kind=_kind(test),
                table=_name(self._tables[self._tested_id(test)]),
                reads=frozenset(
                    _name(self._tables[parent])
                    for parent in test["depends_on"]["nodes"]
                    if parent in self._tables
                ),
                tags=frozenset(test["config"].get("tags") or test.get("tags") or ()),
                description=_described(test),
            )
            for test in self._tests.values()
        ]

    def tested_tables(self) -> list[tuple[str, str, str, str]]:
        """Lists the tables that each test reads, its own among them.

        Returns:
            Rows of `TESTED_TABLES`.
        """
        layers = {_name(table): _layer(table) for table in self._tables.values()}
        return [
            (test.name, test.table, table, layers[table])
            for test in self.tests
            for table in sorted(test.reads | {test.table})
        ]

    def tested(self, unique_id: str) -> str:
        """Returns the name of the table that a test checks."""
        return _name(self._tables[self._tested_id(self._tests[unique_id])])

    def _tested_id(self, test: Node) -> str:
        parents = [node for node in test["depends_on"]["nodes"] if node in self._tables]
        attached = test.get("attached_node") or test.get("tested_node_unique_id")
        return str(attached) if attached in self._tables else str(parents[-1])


def column_edges(analyses: Mapping[str, Analysis]) -> list[tuple[str, str, str, str, str]]:
    """Lists by which ways values get from column to column.

    Args:
        analyses: The analysis of each model.

    Returns:
        Rows of `COLUMN_EDGES`.
    """
    ways = {
        (flow.parent, flow.column or ROWS, model, column, ", ".join(flow.through))
        for model, analysis in analyses.items()
        for column, computed in analysis.columns.items()
        for flow in computed.flows
    }
    return sorted(ways)


def _kind(test: Node) -> str:
    return "unit test" if test["resource_type"] == "unit_test" else "data test"


def _rules(test: Node) -> Iterator[tuple[str, str]]:
    """The columns that a test names, and what it asks of each."""
    metadata = test.get("test_metadata") or {}
    if test.get("column_name"):
        yield test["column_name"], metadata["name"]
    elif metadata.get("name") == _MANY_COLUMNS:
        for rule in _RULES:
            for column in metadata["kwargs"].get(rule, ()):
                yield column, rule


def _key_of(test: Node) -> tuple[str, ...]:
    """The columns that a test proves to be unique in all rows; none if it proves something else."""
    metadata = test.get("test_metadata") or {}
    config = test["config"]
    if config.get("where") or str(config.get("severity", "error")).lower() != "error":
        return ()
    if metadata.get("name") == "unique":
        return (str(test["column_name"]).lower(),)
    if metadata.get("name") == "unique_combination":
        return tuple(str(name).lower() for name in metadata["kwargs"]["columns"])
    return ()


def _described(test: Node) -> str:
    return test.get("description") or _in_words(test)


def _in_words(test: Node) -> str:
    """Describes a generic test without a description."""
    metadata = test.get("test_metadata") or {}
    words = _WORDS.get(metadata.get("name", ""))
    if words is None:
        return str(test["name"]).replace("_", " ")
    return words(str(test["column_name"]), metadata["kwargs"])


def _valid_columns(_: str, arguments: Mapping[str, Any]) -> str:
    never_null, limits = arguments.get("not_null", ()), arguments.get("in_range", {})
    parts = []
    if never_null:
        parts.append(f"Never null: {_listed(never_null)}.")
    if limits:
        each = (f"{column} {_limits(ends)}" for column, ends in limits.items())
        parts.append(f"In range: {', '.join(each)}.")
    if arguments.get("nullable"):
        parts.append(f"Null where unknown: {_listed(arguments['nullable'])}.")
    return " ".join(parts)


def _relationship(column: str, arguments: Mapping[str, Any]) -> str:
    table, to = (_referred(arguments[name]) for name in ("model", "to"))
    return f"Each {column} of {table} is a {arguments['field']} of {to}."


def _referred(reference: str) -> str:
    """The name in `ref('name')`, in whatever Jinja is around it."""
    return str(re.findall(r"'(\w+)'", reference)[0])


_WORDS: Mapping[str, Callable[[str, Mapping[str, Any]], str]] = {
    "unique": lambda column, _: f"No two rows have the same {column}.",
    "not_null": lambda column, _: f"{column} is never null.",
    "accepted_values": lambda column, more: f"Each {column} is one of {_listed(more['values'])}.",
    "relationships": _relationship,
    "unique_combination": lambda _, more: f"No two rows have the same {_listed(more['columns'])}.",
    "valid_columns": _valid_columns,
}


def _listed(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))


def _limits(limits: list[Any]) -> str:
    named = [re.sub(r"\W*var\W+(\w+)\W*", r"\1", str(limit)) for limit in limits]
    return " to ".join(named) if len(named) > 1 else f"{named[0]} or more"


def _name(table: Node) -> str:
    if table["resource_type"] == "source":
        return f"{table['schema']}.{table['name']}"
    return str(table["name"])


def _layer(table: Node) -> str:
    return "raw" if table["resource_type"] == "source" else str(table["fqn"][1])
