"""A history of drops brought through the product, and what must hold after each of them.

After each drop it is loaded and built, and every table and view is compared with what a full
refresh of the same warehouse gives; with what a new home gives that has loaded nothing but the
files that are there; and the facts with plain Python.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import duckdb
from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.artifacts.schemas.run import RunExecutionResult
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

from ingestion import load
from ingestion.operate.steps import vacuum
from ingestion.raw.load import LoadReport
from ingestion.settings import Settings
from tests.support.histories import History, Step
from tests.support.slow_facts import RELATIONS, Row, SlowFacts
from tests.support.table_hash import Digest, digest, selections

SCHEMAS = ("analytics", "marts_candidate")
# What a new home cannot have: ids and times of loads, and the versions that no longer count.
OF_THE_LOADS = ("_file_id", "load_id", "loaded_at")
CURRENT_FILES = """
    select path, dataset, bytes, rows_loaded, rows_rejected, content_hash, source, edition
    from analytics.src_files where is_current
"""
SHOWN = 4
AFTER_A_LOAD = ("build", "vacuum and build", "nothing")
Drops = list[tuple[list[str], str]]
"""The kinds of steps of each drop of a history, and what follows its load."""


@dataclass(frozen=True)
class Mismatch:
    """A relation that is not what it has to be.

    Attributes:
        relation: Its name.
        reference: What it was compared with.
        difference: The first rows that only one of the two has.
        history: What was done until then, one drop a line.
    """

    relation: str
    reference: str
    difference: str
    history: str

    def __str__(self) -> str:
        what = f"{self.relation} is not that of {self.reference}"
        return f"{what}:\n{self.difference}\nafter\n{self.history}"


def project_options(settings: Settings) -> list[str]:
    where = str(settings.project)
    return ["--project-dir", where, "--profiles-dir", where, "--quiet"]


@contextmanager
def dbt_on(warehouse: Path, folder: Path) -> Iterator[None]:
    """Lets dbt work on a warehouse, write into a folder and let go of both."""
    values = {
        "MOVIELENS_WAREHOUSE": str(warehouse),
        "MOVIELENS_TARGET": "dev",
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    with patch.dict(os.environ, values):
        try:
            yield
        finally:
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]


class FullRefresh:
    """The statements of a full refresh, compiled by dbt once; run, they take no time.

    Args:
        settings: Say where the project is.
        folder: Where dbt may write.
        parsed: The project, if it was parsed already.
    """

    def __init__(self, settings: Settings, folder: Path, parsed: Manifest | None = None) -> None:
        arguments = ["compile", "--full-refresh", "--select", "resource_type:model"]
        arguments += ["--exclude", "resource_type:test", "resource_type:unit_test"]
        arguments += project_options(settings)
        with dbt_on(folder / "warehouse.duckdb", folder):
            outcome = dbtRunner(manifest=parsed).invoke(arguments)
        assert isinstance(outcome.result, RunExecutionResult), outcome.exception
        self._statements = [_create(result.node) for result in outcome.result]
        self.relations = {f"{r.node.schema}.{r.node.name}" for r in outcome.result}

    def build(self, warehouse: Path) -> None:
        """Builds every model of a warehouse from what it has loaded.

        Args:
            warehouse: The database file; its name has to be the one that was compiled for.
        """
        with duckdb.connect(warehouse) as connection:
            connection.execute("set timezone = 'UTC'")
            for schema in SCHEMAS:
                connection.execute(f"drop schema if exists {schema} cascade")
                connection.execute(f"create schema {schema}")
            for statement in self._statements:
                connection.execute(statement)


def _create(node: Any) -> str:
    kind = "view" if node.config.materialized == "view" else "table"
    return f"create or replace {kind} {node.relation_name} as {node.compiled_code}"


class Relations:
    """Every table and view that a build makes of one warehouse.

    Args:
        warehouse: The database file.
        of_the_files: Leave out what only the loads decide, not the files that count.
    """

    def __init__(self, warehouse: Path, *, of_the_files: bool = False) -> None:
        self._warehouse = warehouse
        self._left_out = OF_THE_LOADS if of_the_files else ()
        self._instead = {"analytics.src_files": CURRENT_FILES} if of_the_files else {}

    def _selections(self, connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
        found = selections(connection, *SCHEMAS, left_out=self._left_out)
        own = {name: chosen for name, chosen in found.items() if "._" not in name}
        return own | {name: self._instead[name] for name in own.keys() & self._instead.keys()}

    def digests(self) -> dict[str, Digest]:
        """The number of rows of each and a hash that does not depend on their order."""
        with duckdb.connect(self._warehouse, read_only=True) as connection:
            return {
                relation: digest(connection, selection)
                for relation, selection in self._selections(connection).items()
            }

    def rows(self, relation: str) -> list[Row]:
        """All rows of one of them, as text that names each value."""
        with duckdb.connect(self._warehouse, read_only=True) as connection:
            selection = self._selections(connection).get(relation)
            if selection is None:
                return []
            cursor = connection.execute(selection)
            names = [column[0] for column in cursor.description or []]
            return [
                tuple(f"{name}={value!r}" for name, value in zip(names, row, strict=True))
                for row in cursor.fetchall()
            ]


def by_layer(relation: str) -> tuple[int, str]:
    """The first that differs comes before those that are made of it."""
    layers = ["src", "fct", "dim"]
    layer = relation.partition(".")[2].partition("_")[0]
    return layers.index(layer) if layer in layers else len(layers), relation


def difference(found: Iterable[Row], wanted: Iterable[Row]) -> str:
    """The first rows that only one of two sides has."""
    sides = Counter(found), Counter(wanted)
    lines = []
    for sign, only in (("built   ", sides[0] - sides[1]), ("expected", sides[1] - sides[0])):
        rows = list(only.elements())
        lines += [f"  only {sign} {', '.join(map(str, row))}" for row in rows[:SHOWN]]
        lines += [f"  and {len(rows) - SHOWN} more" for _ in rows[SHOWN : SHOWN + 1]]
    return "\n".join(lines)


def in_words(mismatches: list[Mismatch]) -> str:
    """The first of them in full, and how many there are."""
    return "\n\n".join([f"{len(mismatches)} relations differ", *map(str, mismatches[:2])])


class Replay:
    """One home that goes through a history.

    Args:
        zone: The landing zone that the history changes.
        folder: Where the home and everything else is made.
        build: Builds what a load changed, the way that is to be tested.
        full_refresh: Builds everything anew.
    """

    def __init__(
        self,
        zone: Path,
        folder: Path,
        build: Callable[[Settings], object],
        full_refresh: FullRefresh,
    ) -> None:
        # Vacuum may take whatever no model needs any more.
        self.settings = Settings(
            home=folder / "home", source=str(zone), keep_days=0, _env_file=None
        )
        self._folder = folder
        self._build = build
        self._full_refresh = full_refresh
        self._slow_facts = SlowFacts(zone)
        self.history: list[str] = []
        self.compared: Counter[str] = Counter()

    def told(self) -> str:
        """The history until now, one drop a line."""
        return "\n".join(f"  {number}. {drop}" for number, drop in enumerate(self.history))

    def after(self, step: Step, then: str = "build") -> list[Mismatch]:
        """Loads and builds a drop, and compares.

        Args:
            step: What the drop changed.
            then: What follows the load, one of `AFTER_A_LOAD`. Without a build, there is nothing
                to compare until the next one.

        Returns:
            Every relation that is not what it has to be.
        """
        self.history.append(f"{step.description}; then {then}")
        check_report(step, load(settings=self.settings, remove_missing=step.remove_missing))
        self._slow_facts.read(step)
        if then == "nothing":
            return []
        if then == "vacuum and build":
            vacuum(self.settings)
        self._build(self.settings)
        mismatches = [*self._against_a_full_refresh(), *self._against_plain_python()]
        if step.complete:
            mismatches += self._against_a_new_home()
        return mismatches

    def _against_a_full_refresh(self) -> Iterator[Mismatch]:
        with self._scratch() as folder:
            copy = folder / self.settings.warehouse_file.name
            shutil.copy(self.settings.warehouse_file, copy)
            self._full_refresh.build(copy)
            built = Relations(self.settings.warehouse_file)
            yield from self._compare("a full refresh", built, Relations(copy))

    def _against_a_new_home(self) -> Iterator[Mismatch]:
        with self._scratch() as folder:
            new = self.settings.model_copy(update={"home": folder})
            load(settings=new)
            with duckdb.connect(new.warehouse_file) as connection:
                # The report on the build itself is not what is compared.
                connection.execute(f"attach '{self.settings.warehouse_file}' as built (read_only)")
                connection.execute("create schema audit")
                for (table,) in connection.execute(
                    "select table_name from information_schema.tables "
                    "where table_catalog = 'built' and table_schema = 'audit'"
                ).fetchall():
                    connection.execute(f"create table audit.{table} as from built.audit.{table}")
            self._full_refresh.build(new.warehouse_file)
            yield from self._compare(
                "a new home",
                Relations(self.settings.warehouse_file, of_the_files=True),
                Relations(new.warehouse_file, of_the_files=True),
            )

    def _against_plain_python(self) -> Iterator[Mismatch]:
        with duckdb.connect(self.settings.warehouse_file, read_only=True) as connection:
            for relation, wanted in RELATIONS.items():
                self.compared["plain Python"] += 1
                found = connection.execute(f"{wanted.query} from {relation}").fetchall()
                told_apart = difference(found, self._slow_facts.expected(relation))
                if told_apart:
                    yield Mismatch(relation, "plain Python", told_apart, self.told())

    def _compare(self, reference: str, built: Relations, wanted: Relations) -> Iterator[Mismatch]:
        digests, expected = built.digests(), wanted.digests()
        assert self._full_refresh.relations <= expected.keys()
        for relation in sorted(digests.keys() | expected.keys(), key=by_layer):
            self.compared[reference] += 1
            if digests.get(relation) != expected.get(relation):
                told_apart = difference(built.rows(relation), wanted.rows(relation))
                yield Mismatch(relation, reference, told_apart, self.told())

    @contextmanager
    def _scratch(self) -> Iterator[Path]:
        folder = self._folder / "scratch"
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder)


def play(replay: Replay, history: History, drops: Drops) -> list[Mismatch]:
    """Goes through a history, until something is not as it has to be.

    Args:
        replay: A home that knows nothing yet.
        history: The changes of its landing zone.
        drops: What happens after the first drop; no kinds stand for what the seed says.

    Returns:
        What is not as it has to be.
    """
    mismatches = replay.after(history.start())
    for kinds, then in drops:
        mismatches = mismatches or replay.after(history.step(*kinds), then)
    return mismatches


def check_report(step: Step, report: LoadReport) -> None:
    """A load has to say what the history did: else a comparison might be left out by mistake."""
    removed = {file.path for file in report.of_status("removed")}
    missing = {file.path for file in report.of_status("missing")}
    assert missing == set(step.missing), report
    assert not (removed and not step.remove_missing), report
    assert {file.path for file in report.of_status("refused")} == set(step.refused), report
    assert not report.of_status("put off"), report
