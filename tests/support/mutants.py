"""Wrong models: small, plausible mistakes, and what notices each of them.

    trial = Trial(folder, seed=1)
    for mutant in trial.mutants(400):
        verdict = trial.verdict(mutant)

A mutant is one edit of a model's compiled SQL or of a macro's text, drawn by `edits` and a seed.
What is behind it is built, in a transaction that is rolled back, and the data tests that read any
of it run on it; if all pass, so do dbt's unit tests, and then the reference, cell by
cell. Macros of incremental facts are edited between loads: what dbt then makes of the facts is put
in the place of what a full rebuild made of them.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path

import duckdb

from ingestion.build.lineage import source_columns
from ingestion.lineage.models import Model, parents_first
from ingestion.settings import Settings
from tests.support import edits
from tests.support.demanding_data import load_demanding_data
from tests.support.rebuilding import (
    BreaksContract,
    Code,
    DataTest,
    DoesNotRun,
    create,
    database_of,
    limited,
    start_warehouse,
)
from tests.support.reference import differences, landing_of, marts, rows_in
from tests.support.stepwise import Warehouse
from tests.support.table_hash import Digest, digest

MACRO, INCREMENTAL = "macro", "incremental macro"
NO_MISTAKE = ("comment, name of a CTE", "column added")
KINDS = (*(kind for kind in edits.KINDS if kind not in NO_MISTAKE), MACRO, INCREMENTAL)
"""The kinds of mistakes."""
INVALID, EQUIVALENT, CONTRACT, AUDITED, UNIT_TESTED, COMPARED, SURVIVED = (
    *("does not run", "equivalent", "contract", "data test", "unit test", "make test", "survived"),
)
"""What becomes of a mutant: what is the first to stop it."""
AUDITS = (CONTRACT, AUDITED)
EFFECTIVE = (*AUDITS, UNIT_TESTED, COMPARED, SURVIVED)
# The part of it that increments use is nowhere else.
_ALSO_INCREMENTAL = "macro.movielens.latest_rows"
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
        end: `INVALID`, `EQUIVALENT` or one of `EFFECTIVE`.
        tests: The data tests or unit tests that stopped it.
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

    Attributes:
        failing_before: The data tests that fail without any mistake, and so stop nothing.
        failing_compiled: The unit tests with variables of their own, which mean nothing to SQL that
            is compiled already; so these tests stop only mistakes in macros.

    Raises:
        RuntimeError: If the reference or increments differ without any mistake.
    """

    def __init__(self, folder: Path, seed: int = 1, ratings: int = 2_000) -> None:
        settings = Settings(home=folder / "home", source=str(folder / "zone"), _env_file=None)
        load_demanding_data(settings, folder, seed, ratings)
        self._seed = seed
        self._code = Code(settings, folder / "dbt", with_tests=True)
        sources = source_columns()
        self._connection = database_of(settings.warehouse_file, sources)
        connection = self._connection
        self._models = {
            name: replace(model, sql=edits.respelled(model.sql))
            for name, model in self._code.models.items()
        }
        start_warehouse(connection, self._models.values(), sources)
        for model in parents_first(self._models.values()):
            create(connection, model)
        self._contents = {name: self._content(model) for name, model in self._models.items()}
        self._warehouse = Warehouse(settings, folder / "increments", sources)
        zone = folder / "zone"
        landing = landing_of(connection, zone, raw="loaded.raw", audit="loaded.audit")
        self._expected = marts(landing)
        self._check()
        self.failing_compiled = {
            test
            for name, model in self._models.items()
            for test in self._warehouse.failing_unit_tests(name, model.sql)
        }
        tests = self._code.tests()
        self.failing_before = {t.name for t in tests if t.blocks and t.fails(connection)}
        self._tests = self._sound(tests)

    def _check(self) -> None:
        """Nothing but a mistake is stopped."""
        wrong = list(filter(self._is_wrong, self._expected))
        untouched = "macro.movielens.touched_keys"
        self._warehouse.build_loads(untouched, self._code.text(untouched))
        with self._increments() as different:
            wrong += different
        if wrong:
            raise RuntimeError(f"Wrong without a mistake: {', '.join(wrong)}")

    def _sound(self, tests: Iterable[DataTest]) -> list[DataTest]:
        return [test for test in tests if test.blocks and test.name not in self.failing_before]

    def close(self) -> None:
        """Lets go of the database."""
        self._connection.close()

    def mutants(self, count: int, model: str | None = None) -> Iterator[Mutant]:
        """Draws distinct mutants, as many of each kind as of any other while there are some.

        Args:
            count: How many at most.
            model: The model to edit; none: any model or macro.

        Yields:
            The mutants.
        """
        chance = random.Random(self._seed)
        drawn: set[tuple[str, str]] = set()
        of_all = tuple(k for k in KINDS if model is None or k not in (MACRO, INCREMENTAL))
        kinds = cycle(of_all)
        tired: set[str] = set()
        while len(drawn) < count and len(tired) < len(of_all):
            kind = next(kinds)
            if kind in tired:
                continue
            for _ in range(_TRIES):
                mutant = self._drawn(kind, chance, model)
                if mutant and (mutant.of, mutant.text) not in drawn:
                    drawn.add((mutant.of, mutant.text))
                    yield mutant
                    break
            else:
                tired.add(kind)

    def _drawn(self, kind: str, chance: random.Random, model: str | None) -> Mutant | None:
        if kind in (MACRO, INCREMENTAL):
            of = chance.choice(self._macros(kind))
            before = self._code.text(of)
            text = edits.edited_macro(before, chance)
        else:
            of = model or chance.choice(sorted(self._models))
            before = self._models[of].sql
            text = edits.edited(before, kind, chance)
        return Mutant(kind=kind, of=of, text=text, before=before) if text else None

    def _macros(self, kind: str) -> list[str]:
        if kind == MACRO:
            return self._code.macros(incremental=False)
        return [*self._code.macros(incremental=True), _ALSO_INCREMENTAL]

    def verdict(self, mutant: Mutant) -> Verdict:
        """Builds what is behind a mutant, and audits it."""
        if mutant.kind == INCREMENTAL:
            return self._verdict_on_increments(mutant)
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

    def _verdict_on_increments(self, mutant: Mutant) -> Verdict:
        try:
            self._warehouse.build_loads(mutant.of, mutant.text)
        except DoesNotRun:
            return Verdict(mutant=mutant, end=INVALID)
        with self._increments() as different:
            return self._verdict(mutant, different, self._tests)

    @contextmanager
    def _increments(self) -> Iterator[dict[str, Model]]:
        """The facts that load after load gave other rows than a full rebuild, as they are there."""
        self._connection.execute(f"attach '{self._warehouse.file}' as increments (read_only)")
        try:
            found = {}
            for fact in self._warehouse.facts:
                rows = f"from increments.{self._warehouse.relation(fact)}"
                if digest(self._connection, rows) != self._contents[fact]:
                    found[fact] = replace(self._models[fact], sql=f"select * {rows}")
            yield found
        finally:
            self._connection.execute("detach increments")

    def _verdict(
        self, mutant: Mutant, edited: Mapping[str, Model], tests: Iterable[DataTest]
    ) -> Verdict:
        models = {**self._models, **edited}
        behind = _behind(edited, models)
        try:
            with self._trying() as connection:
                with limited(connection):
                    self._build(models, behind)
                    shown = self._different(models, behind)
                    if not shown:
                        return Verdict(mutant=mutant, end=EQUIVALENT)
                    failing = tuple(
                        test.name
                        for test in tests
                        if (test.reads & behind or mutant.kind == MACRO) and test.fails(connection)
                    )
                end, by = (AUDITED, failing) if failing else self._end_after_audits(mutant, shown)
                return Verdict(mutant=mutant, end=end, tests=by, marts=shown)
        except BreaksContract:
            return Verdict(mutant=mutant, end=CONTRACT)
        except DoesNotRun:
            return Verdict(mutant=mutant, end=INVALID)

    def _build(self, models: Mapping[str, Model], behind: Collection[str]) -> None:
        for model in parents_first(models.values()):
            if model.name in behind:
                create(self._connection, model, again=True)

    def _different(self, models: Mapping[str, Model], behind: Iterable[str]) -> tuple[str, ...]:
        """The marts with other rows."""
        found = (name for name in sorted(behind) if name.startswith(_MARTS))
        return tuple(name for name in found if self._content(models[name]) != self._contents[name])

    def _content(self, model: Model) -> Digest:
        try:
            return digest(self._connection, f"from {'.'.join(model.relation)}")
        except duckdb.Error as error:
            raise DoesNotRun(str(error)) from None

    def _end_after_audits(
        self, mutant: Mutant, shown: Iterable[str]
    ) -> tuple[str, tuple[str, ...]]:
        failing = tuple(
            test
            for test in self._warehouse.failing_unit_tests(mutant.of, mutant.text)
            if test not in self.failing_compiled or mutant.kind in (MACRO, INCREMENTAL)
        )
        if failing:
            return UNIT_TESTED, failing
        return COMPARED if any(map(self._is_wrong, shown)) else SURVIVED, ()

    def _is_wrong(self, mart: str) -> bool:
        """Whether the reference says so."""
        found = rows_in(self._connection, f"from {'.'.join(self._models[mart].relation)}")
        return bool(differences(mart, self._expected[mart], found, at_most=1))

    @contextmanager
    def _trying(self) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = self._connection
        connection.execute("begin")
        try:
            yield connection
        finally:
            connection.execute("rollback")


def _behind(edited: Iterable[str], models: Mapping[str, Model]) -> set[str]:
    """The edited models, and those that read them, directly or not."""
    found = set(edited)
    for model in parents_first(models.values()):
        if found & set(model.parents):
            found.add(model.name)
    return found
