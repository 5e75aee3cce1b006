"""Full rebuilds of edited models, on one DuckDB in memory.

With one thread, so that the same statements always give the same rows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from ingestion.build.dbt import Dbt
from ingestion.build.environments import AUDIT
from ingestion.build.lineage import models_of
from ingestion.datasets import RAW
from ingestion.errors import MovielensError
from ingestion.lineage.models import Model, parents_first
from ingestion.progress import silent
from ingestion.settings import Settings
from tests.support.table_hash import Digest, digest

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

# An edit may join everything with everything.
_SECONDS = 10
_MEMORY = "1GB"


class DoesNotRun(Exception):
    """An edited project cannot be compiled or built."""


class BreaksContract(DoesNotRun):
    """A model returns other columns, or other types, than its contract promises."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a model returned.

    Attributes:
        columns: Its columns and their types, in order.
        content: Its rows, in any order.
        order: Its rows as they are stored.
    """

    columns: tuple[tuple[str, str], ...]
    content: Digest
    order: int


def database_of(
    warehouse: Path, sources: Mapping[str, Mapping[str, str]]
) -> duckdb.DuckDBPyConnection:
    """A database in memory with the rows of the sources, in the catalog `loaded`."""
    connection = duckdb.connect(config={"threads": 1, "memory_limit": _MEMORY})
    connection.execute("set timezone = 'UTC'; set max_temp_directory_size = '0KB'")
    connection.execute(f"attach '{warehouse}' as file (read_only); attach ':memory:' as loaded")
    connection.execute(f"create schema loaded.{RAW}")
    for source in sources:
        if source.startswith(f"{RAW}."):
            connection.execute(f"create table loaded.{source} as from file.{source}")
    connection.execute("detach file; use loaded")
    invent_reports(connection, sources)
    connection.execute("use memory")
    return connection


def invent_reports(
    connection: duckdb.DuckDBPyConnection, sources: Mapping[str, Mapping[str, str]]
) -> None:
    """Makes up rows of the reports on builds; of builds there is one."""
    connection.execute(f"create schema if not exists {AUDIT}")
    for source, columns in sources.items():
        if not source.startswith(f"{AUDIT}."):
            continue
        spelled = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        connection.execute(f"create table {source} ({spelled})")
        for number in range(1, 2 if source == f"{AUDIT}.builds" else 6):
            values = ", ".join(_invented(kind, name, number) for name, kind in columns.items())
            connection.execute(f"insert into {source} values ({values})")


def _invented(kind: str, name: str, number: int) -> str:
    if kind.startswith("timestamp"):
        return f"timestamp '2026-01-0{number} 10:00:00'"
    if kind.startswith(("varchar", "text")):
        return f"'{name} {number}'"
    return f"cast({number} as {kind})"


@contextmanager
def limited(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Interrupts what takes too long."""
    timer = threading.Timer(_SECONDS, connection.interrupt)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def start_warehouse(
    connection: duckdb.DuckDBPyConnection, models: Iterable[Model], sources: Iterable[str]
) -> None:
    """Makes an empty warehouse in memory, with the rows of the sources, and uses it."""
    connection.execute("attach ':memory:' as warehouse; use warehouse")
    for schema in sorted({model.relation[0] for model in models} | {RAW, AUDIT}):
        connection.execute(f"create schema if not exists {schema}")
    for source in sources:
        connection.execute(f"create view {source} as from loaded.{source}")


def running(connection: duckdb.DuckDBPyConnection, statement: str) -> list[tuple[Any, ...]]:
    try:
        return connection.execute(statement).fetchall()
    except duckdb.Error as error:
        raise DoesNotRun(str(error)) from None


def create(connection: duckdb.DuckDBPyConnection, model: Model, *, again: bool = False) -> None:
    """Builds a model as a full refresh does, with the columns of its contract in their order.

    Args:
        connection: Has what the model reads.
        model: The model.
        again: It may be there already.

    Raises:
        BreaksContract: If it returns something else than it promises.
        DoesNotRun: If its SQL fails.
    """
    if not model.sql:
        raise DoesNotRun(f"{model.name} cannot be compiled")
    verb = "create or replace" if again else "create"
    kind = "view" if model.materialized == "view" else "table"
    sql = model.sql
    if model.contract:
        found = {name: kind.lower() for name, kind, *_ in running(connection, f"describe {sql}")}
        promised = {name: kind.split(" [")[0].lower() for name, kind in model.contract.items()}
        if found != promised:
            raise BreaksContract(f"{model.name} breaks its contract")
        sql = f"select {', '.join(model.contract)} from ({sql}) as model_subq"
    running(connection, f"{verb} {kind} {'.'.join(model.relation)} as {sql}")


def table(connection: duckdb.DuckDBPyConnection, model: Model) -> Table:
    name = ".".join(model.relation)
    columns = tuple((name, kind) for name, kind, *_ in running(connection, f"describe {name}"))
    try:
        content = digest(connection, f"from {name}")
    except duckdb.Error as error:
        raise DoesNotRun(str(error)) from None
    order = 0
    if model.materialized != "view":
        hashes = f"select hash(list(hash(one))) from {name} as one"
        order = running(connection, hashes)[0][0]
    return Table(columns=columns, content=content, order=order)


@dataclass(frozen=True, kw_only=True)
class DataTest:
    """A data test.

    Attributes:
        name: Its name.
        sql: Returns its failing rows.
        reads: The models that it reads.
        blocks: False if it only warns.
    """

    name: str
    sql: str
    reads: frozenset[str]
    blocks: bool

    def fails(self, connection: duckdb.DuckDBPyConnection) -> bool:
        """Whether it returns a row."""
        return bool(running(connection, f"select 1 from ({self.sql}) as failing limit 1"))


@contextmanager
def macro_edited(manifest: Manifest, name: str, text: str) -> Iterator[None]:
    """Gives a macro another text."""
    macro = manifest.macros[name]
    before, macro.macro_sql = macro.macro_sql, text
    try:
        yield
    finally:
        macro.macro_sql = before


class Code:
    """The project, parsed and compiled once; after an edit of a macro compiled once more.

    Args:
        settings: Say where it is.
        folder: Where dbt may write.
        with_tests: Compile the data tests as well.
    """

    def __init__(self, settings: Settings, folder: Path, *, with_tests: bool = False) -> None:
        self._dbt = Dbt(settings, silent, folder=folder)
        self._kinds = ("test",) if with_tests else ()
        self.manifest = self._dbt.compile(*self._kinds)
        self.models = self.compiled_models()

    def compiled_models(self) -> dict[str, Model]:
        """The models as they were compiled last, parents first."""
        models = {model.name: model for model in models_of(self.manifest)}
        return {model.name: model for model in parents_first(models.values())}

    def macros(self, *, incremental: bool) -> list[str]:
        """The macros that models are built with, or those of incremental facts."""
        name = self.manifest.metadata.project_name
        return sorted(
            key
            for key, macro in self.manifest.macros.items()
            if macro.package_name == name
            and macro.original_file_path.startswith("macros/")
            and macro.original_file_path.startswith("macros/incremental/") == incremental
        )

    def text(self, macro: str) -> str:
        """The text of a macro."""
        return self.manifest.macros[macro].macro_sql

    def tests(self) -> list[DataTest]:
        """The data tests, as they were compiled last."""
        nodes: Any = self.manifest.nodes
        return [
            DataTest(
                name=node.name,
                sql=node.compiled_code,
                reads=frozenset(nodes[parent].name for parent in parents if parent in nodes),
                blocks=node.config.severity.lower() == "error",
            )
            for node in nodes.values()
            if node.resource_type == "test"
            for parents in [node.depends_on.nodes]
        ]

    @contextmanager
    def edited_macro(self, name: str, text: str) -> Iterator[bool]:
        """Compiles everything with another text of a macro; gives whether that is possible."""
        with macro_edited(self.manifest, name, text):
            try:
                self._recompile()
                is_possible = True
            except MovielensError:
                is_possible = False
            yield is_possible

    def with_macro(self, name: str, text: str) -> dict[str, Model] | None:
        """The models with another text of a macro; None if they cannot be compiled."""
        with self.edited_macro(name, text) as is_possible:
            return self.compiled_models() if is_possible else None

    def _recompile(self) -> None:
        nodes: Any = self.manifest.nodes.values()
        for node in nodes:
            if node.resource_type in ("model", *self._kinds):
                node.compiled, node.compiled_code = False, None
        self._dbt.compile(*self._kinds)
