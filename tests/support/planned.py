"""What a plan says about edits of this project, compared with full rebuilds before and after.

    world = World(folder, seed=1)
    outcome = world.outcome(world.random_edit("join", random.Random(1)))
    assert not outcome.missed

A full rebuild runs the compiled statements of all models on one DuckDB in memory, with one thread,
so that the same statements always give the same rows. Only the rows of RAW are loaded by the
product, in several loads.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb

from ingestion.build.dbt import project_variables
from ingestion.build.environments import AUDIT
from ingestion.build.lineage import source_columns
from ingestion.datasets import RAW
from ingestion.lineage.columns import analyse
from ingestion.lineage.comparison import compare
from ingestion.lineage.fingerprints import Fingerprint, Project, fingerprints
from ingestion.lineage.models import Model, parents_first
from ingestion.settings import Settings
from tests.support import edits
from tests.support.demanding_data import load_demanding_data
from tests.support.rebuilding import (
    SECONDS,
    Code,
    Table,
    create,
    database_of,
    running,
    table,
)

Models = Mapping[str, Model]
MACRO, INCREMENTAL, HOOK = "macro", "incremental macro", "hook"
KINDS = (*edits.KINDS, MACRO, INCREMENTAL, HOOK)
"""All kinds of edits: those of a model's SQL, and those of what models are built with."""


@dataclass(frozen=True, kw_only=True)
class Edited:
    """The project after an edit.

    Attributes:
        kind: The kind of edit.
        of: The model or macro that was edited.
        models: All models.
        text: What was edited, as it is now.
    """

    kind: str
    of: str
    models: Models
    text: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of an edit.

    Attributes:
        edited: The edit.
        planned: The models that the plan builds.
        different: Those with other rows, or other columns, after a full rebuild.
        reordered: Those planned that have the same rows in another order.
    """

    edited: Edited
    planned: frozenset[str]
    different: frozenset[str]
    reordered: frozenset[str] = field(default_factory=frozenset)

    @property
    def missed(self) -> frozenset[str]:
        """Models that differ without being planned."""
        return self.different - self.planned

    @property
    def surplus(self) -> frozenset[str]:
        """Models that are planned without being different in any way."""
        return self.planned - self.different - self.reordered


class World:
    """This project with its data, before any edit.

    Args:
        folder: A folder for everything.
        seed: Of the data.
        ratings: How many ratings the first load has.
    """

    def __init__(self, folder: Path, seed: int = 1, ratings: int = 2_000) -> None:
        settings = Settings(home=folder / "home", source=str(folder / "zone"), _env_file=None)
        load_demanding_data(settings, folder, seed, ratings)
        self._code = Code(settings, folder / "dbt")
        self._sources = source_columns()
        self._project = Project(
            dialect="duckdb",
            engine="duckdb",
            sources=self._sources,
            variables=project_variables(settings),
        )
        self._database = database_of(settings.warehouse_file, self._sources)
        self.models = self._code.models
        self._cache: dict[str, Any] = {}
        self.tables = self._tables(self.models)
        self._before = self._fingerprints(self.models)
        # sqlglot spells functions its own way, which is no edit.
        self._respelled = {name: _respelled(model) for name, model in self.models.items()}
        self._before_respelled = self._fingerprints(self._respelled)

    def close(self) -> None:
        """Lets go of the database."""
        self._database.close()

    def text_of(self, macro: str) -> str:
        """The text of a macro, before any edit."""
        return self._code.text(macro)

    def random_edit(self, kind: str, chance: random.Random) -> Edited | None:
        """Makes one edit of a kind, somewhere in the project; None if it cannot be compiled."""
        if kind in (MACRO, INCREMENTAL):
            return self._edited_macro(kind, chance)
        names = sorted(name for name, model in self.models.items() if model.hooks or kind != HOOK)
        for name in chance.sample(names, len(names)):
            if kind == HOOK:
                model = self.models[name]
                return self._with(kind, replace(model, hooks=_edited_hooks(model.hooks, chance)))
            model = self._respelled[name]
            sql = edits.edited(model.sql, kind, chance)
            if sql is not None:
                return self._with(kind, replace(model, sql=sql, source_code=sql))
        return None

    def _with(self, kind: str, model: Model) -> Edited:
        text = model.sql if kind != HOOK else str(model.hooks)
        others = self.models if kind == HOOK else self._respelled
        models = {**others, model.name: model}
        return Edited(kind=kind, of=model.name, models=models, text=text)

    def _edited_macro(self, kind: str, chance: random.Random) -> Edited | None:
        names = self._code.macros(incremental=kind == INCREMENTAL)
        for name in chance.sample(names, len(names)):
            text = edits.edited_macro(self._code.text(name), chance)
            if text is not None:
                models = self._code.with_macro(name, text)
                if models is None:
                    return None
                return Edited(kind=kind, of=name, models=models, text=text)
        return None

    def outcome(self, edited: Edited) -> Outcome:
        """Plans an edit, and builds everything as it is then.

        Raises:
            DoesNotRun: If it cannot be built.
        """
        edited = replace(edited, models=self._with_contract(edited))
        tables = self._tables(edited.models)
        then = self._before_respelled if edited.kind in edits.KINDS else self._before
        changes = compare(then, self._fingerprints(edited.models))
        planned = frozenset(name for name, change in changes.items() if change.rebuilds)
        before = self.tables
        different = frozenset(
            name
            for name, table in tables.items()
            if (table.columns, table.content) != (before[name].columns, before[name].content)
        )
        other_order = {name for name in planned if tables[name].order != before[name].order}
        reordered = frozenset(other_order - different)
        return Outcome(edited=edited, planned=planned, different=different, reordered=reordered)

    def _with_contract(self, edited: Edited) -> Models:
        """Columns that are added or removed are so in the contract as well."""
        model = edited.models.get(edited.of)
        if model is None or not model.contract or not edited.kind.startswith("column "):
            return edited.models
        with self._rebuilding() as connection:
            for other in parents_first(edited.models.values()):
                if other.name == edited.of:
                    break
                create(connection, other)
            columns = running(connection, f"describe {model.sql}")
        contract = {name: model.contract.get(name, kind.lower()) for name, kind, *_ in columns}
        return {**edited.models, model.name: replace(model, contract=contract)}

    def _fingerprints(self, models: Models) -> dict[str, Fingerprint]:
        # The edited ones must not push the others out.
        cache = dict(self._cache) if self._cache else self._cache
        found = analyse(models.values(), dialect="duckdb", sources=self._sources, cache=cache)
        return fingerprints(models.values(), found, self._project)

    def _tables(self, models: Models) -> dict[str, Table]:
        with self._rebuilding() as connection:
            for model in parents_first(models.values()):
                create(connection, model)
            return {name: table(connection, model) for name, model in models.items()}

    @contextmanager
    def _rebuilding(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """An empty warehouse with the rows of the sources."""
        connection = self._database
        connection.execute("attach ':memory:' as warehouse; use warehouse")
        for schema in sorted({model.relation[0] for model in self.models.values()} | {RAW, AUDIT}):
            connection.execute(f"create schema if not exists {schema}")
        for source in self._sources:
            connection.execute(f"create view {source} as from loaded.{source}")
        timer = threading.Timer(SECONDS, connection.interrupt)
        timer.start()
        try:
            yield connection
        finally:
            timer.cancel()
            connection.execute("use memory; detach warehouse")


def _respelled(model: Model) -> Model:
    return replace(model, sql=edits.respelled(model.sql))


def _edited_hooks(hooks: Mapping[str, str], chance: random.Random) -> dict[str, str]:
    name = chance.choice(sorted(hooks))
    return {**hooks, name: chance.choice(("select 1", f"{hooks[name]} -- {{{{ this }}}}"))}
