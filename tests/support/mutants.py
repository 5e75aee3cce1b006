"""Wrong models: small, plausible mistakes, and what notices each of them.

    trial = Trial(folder, seed=1)
    for mutant in trial.mutants(400):
        verdict = trial.verdict(mutant)

A mutant is one edit of a model's compiled SQL or of a macro's text, drawn by `edits` and a seed.
What is behind it is built, in a transaction that is rolled back, and the data tests that read any
of it run on it.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

import duckdb

from ingestion.build.environments import AUDIT
from ingestion.build.lineage import source_columns
from ingestion.datasets import RAW
from ingestion.lineage.models import Model, parents_first
from ingestion.settings import Settings
from tests.support import edits
from tests.support.demanding_data import load_demanding_data
from tests.support.rebuilding import (
    SECONDS,
    BreaksContract,
    Code,
    DataTest,
    DoesNotRun,
    create,
    database_of,
)
from tests.support.table_hash import Digest, digest

MACRO = "macro"
NO_MISTAKE = ("comment, name of a CTE", "column added")
KINDS = (*(kind for kind in edits.KINDS if kind not in NO_MISTAKE), MACRO)
"""The kinds of mistakes."""
INVALID, EQUIVALENT, CONTRACT, AUDITED, SURVIVED = (
    *("does not run", "equivalent", "contract", "data test", "survived"),
)
"""What becomes of a mutant."""
_MARTS = "mart_"
_TRIES = 40


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """A wrong model or macro.

    Attributes:
        kind: The kind of mistake.
        of: The model or macro.
        text: What it is after the edit.
        before: What it is without.
    """

    kind: str
    of: str
    text: str
    before: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of a mutant.

    Attributes:
        mutant: The mutant.
        end: One of `INVALID`, `EQUIVALENT`, `CONTRACT`, `AUDITED`, `SURVIVED`.
        tests: The data tests that stopped it.
        marts: The marts in which it shows.
    """

    mutant: Mutant
    end: str
    tests: tuple[str, ...] = ()
    marts: tuple[str, ...] = ()


class Trial:
    """This project with demanding data, all of it built and audited once.

    Args:
        folder: A folder for everything.
        seed: Of the data and of the mutants.
        ratings: How many ratings the first load has.
    """

    def __init__(self, folder: Path, seed: int = 1, ratings: int = 2_000) -> None:
        settings = Settings(home=folder / "home", source=str(folder / "zone"), _env_file=None)
        load_demanding_data(settings, folder, seed, ratings)
        self._seed = seed
        self._code = Code(settings, folder / "dbt", with_tests=True)
        sources = source_columns()
        self._connection = database_of(settings.warehouse_file, sources)
        connection = self._connection
        connection.execute("attach ':memory:' as warehouse; use warehouse")
        self._models = {
            name: replace(model, sql=edits.respelled(model.sql))
            for name, model in self._code.models.items()
        }
        for schema in sorted({model.relation[0] for model in self._models.values()} | {RAW, AUDIT}):
            connection.execute(f"create schema if not exists {schema}")
        for source in sources:
            connection.execute(f"create view {source} as from loaded.{source}")
        for model in parents_first(self._models.values()):
            create(connection, model)
        self._marts = {name: self._content(model) for name, model in self._models.items()}
        tests = [test for test in self._code.tests() if test.blocks]
        self._failing = {test.name for test in tests if test.fails(connection)}
        self._tests = self._sound(tests)

    @property
    def failing_before(self) -> set[str]:
        """The data tests that fail without any mistake, so that they stop nothing here."""
        return self._failing

    def _sound(self, tests: Iterable[DataTest]) -> list[DataTest]:
        return [test for test in tests if test.blocks and test.name not in self._failing]

    def close(self) -> None:
        """Lets go of the database."""
        self._connection.close()

    def mutants(self, count: int) -> Iterator[Mutant]:
        """Draws distinct mutants, as many of each kind as of any other while there are some."""
        chance = random.Random(self._seed)
        drawn: set[tuple[str, str]] = set()
        kinds = cycle(KINDS)
        tired: Counter[str] = Counter()
        while len(drawn) < count and len(tired) < len(KINDS):
            kind = next(kinds)
            if kind in tired:
                continue
            for _ in range(_TRIES):
                mutant = self._drawn(kind, chance)
                if mutant and (mutant.of, mutant.text) not in drawn:
                    drawn.add((mutant.of, mutant.text))
                    yield mutant
                    break
            else:
                tired[kind] += 1

    def _drawn(self, kind: str, chance: random.Random) -> Mutant | None:
        if kind == MACRO:
            of = chance.choice(self._code.macros(incremental=False))
            before = self._code.text(of)
            text = edits.edited_macro(before, chance)
        else:
            of = chance.choice(sorted(self._models))
            before = self._models[of].sql
            text = edits.edited(before, kind, chance)
        return Mutant(kind=kind, of=of, text=text, before=before) if text else None

    def verdict(self, mutant: Mutant) -> Verdict:
        """Builds what is behind a mutant, and audits it."""
        if mutant.kind != MACRO:
            models = {mutant.of: replace(self._models[mutant.of], sql=mutant.text)}
            return self._verdict(mutant, models, self._tests)
        with self._code.edited_macro(mutant.of, mutant.text) as is_possible:
            if not is_possible:
                return Verdict(mutant=mutant, end=INVALID)
            compiled = self._code.compiled_models()
            tests = self._sound(self._code.tests())
        models = {
            name: model
            for name, model in compiled.items()
            if model.sql != self._code.models[name].sql
        }
        return self._verdict(mutant, models, tests)

    def _verdict(
        self, mutant: Mutant, edited: Mapping[str, Model], tests: Iterable[DataTest]
    ) -> Verdict:
        models = {**self._models, **edited}
        behind = _behind(edited, models)
        try:
            with self._trying() as connection:
                for model in parents_first(models.values()):
                    if model.name in behind:
                        create(connection, model, again=True)
                marts = tuple(
                    name
                    for name in sorted(behind)
                    if name.startswith(_MARTS) and self._content(models[name]) != self._marts[name]
                )
                if not marts:
                    return Verdict(mutant=mutant, end=EQUIVALENT)
                stopped = tuple(
                    test.name
                    for test in tests
                    if (test.reads & behind or mutant.kind == MACRO) and test.fails(connection)
                )
                end = AUDITED if stopped else SURVIVED
                return Verdict(mutant=mutant, end=end, tests=stopped, marts=marts)
        except BreaksContract:
            return Verdict(mutant=mutant, end=CONTRACT)
        except DoesNotRun:
            return Verdict(mutant=mutant, end=INVALID)

    def _content(self, model: Model) -> Digest:
        try:
            return digest(self._connection, f"from {'.'.join(model.relation)}")
        except duckdb.Error as error:
            raise DoesNotRun(str(error)) from None

    @contextmanager
    def _trying(self) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = self._connection
        connection.execute("begin")
        timer = threading.Timer(SECONDS, connection.interrupt)
        timer.start()
        try:
            yield connection
        finally:
            timer.cancel()
            connection.execute("rollback")


def _behind(edited: Iterable[str], models: Mapping[str, Model]) -> set[str]:
    """The edited models, and those that read them, directly or not."""
    found = set(edited)
    for model in parents_first(models.values()):
        if found & set(model.parents):
            found.add(model.name)
    return found
