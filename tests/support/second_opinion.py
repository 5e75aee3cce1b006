"""A second opinion: SQLMesh runs the same models on the same rows, and every table has to be equal.

    make sqlmesh                              installs SQLMesh on its own, then does the following
    python -m tests.support.second_opinion    generated data, three loads, one edit on one side

`movielens load` and `movielens build` do one side; the other has the same rows in RAW and `audit`,
and SQLMesh, which has its own loader, its own SQL parser, its own order of work and its own way to
swap tables. After each load every table and view of the models is compared: columns, types, number
of rows, and a hash of the rows that does not depend on their order. The second load replaces, adds
and contradicts, the third takes a file away and brings others, so the facts are incremental on both
sides.

Then one macro is edited where SQLMesh reads it, and the comparison has to name what follows from
it, and nothing else: a check that could not fail would prove nothing. Exits with 1 if anything
differs, if the edit was not noticed, or if a model never had a row to compare.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ingestion.build.environments import ANALYTICS, AUDIT, CANDIDATE, STORE
from ingestion.operate.steps import build, load, publish
from ingestion.raw.manifest import SCHEMA as RAW
from ingestion.settings import Settings
from local_dev.generate import generate
from tests.support.checkout import PROJECT, copy_of_the_project
from tests.support.histories import History
from tests.support.replay import check_report
from tests.support.table_hash import Digest, digests

PROGRAM = PROJECT / ".venv" / "sqlmesh" / "bin" / "sqlmesh"
LOADS: tuple[tuple[str, ...], ...] = (
    (),
    (
        *("release re-issued", "rows changed", "rows removed", "rows added"),
        *("rated again", "rated again", "contradicted in the same second", "rows in two files"),
    ),
    (
        *("file taken away", "file added", "older month late", "rated again", "rows added"),
        "file unreadable",
    ),
)
"""What happens to the landing zone before each load; nothing before the first."""

# dbt runs the facts that a load can have changed, SQLMesh runs them all, so its watermarks may be
# further on.
WATERMARKS = f"{STORE}._built_files"

# dbt runs the tests of the data. SQLMesh would run them after the swap, and it does not know the
# variables of this project where a test's arguments name one.
WITHOUT_TESTS = "\ndata_tests:\n  movielens:\n    +enabled: false\n"
# One mart compares what a release says of itself with what was loaded.
README = """It contains 5000 ratings and 200 tag applications across 1600 movies. These data were
created by 190 users.
"""
_PATIENCE = 600
_TOLD = 4000


class SqlmeshFailedError(Exception):
    """SQLMesh did not do what it was asked to."""


@dataclass(frozen=True)
class Edit:
    """A change of the code that has to change tables.

    Attributes:
        path: The file, relative to the project.
        old: What is there once.
        new: What is put in its place.
        changes: The tables whose rows are others then.
    """

    path: str
    old: str
    new: str
    changes: frozenset[str]

    def apply(self, project: Path) -> None:
        """Edits a copy of the project.

        Raises:
            ValueError: If what is to be replaced is not there exactly once.
        """
        file = project / self.path
        text = file.read_text(encoding="utf-8")
        if text.count(self.old) != 1:
            raise ValueError(f"{self.path} has {self.old!r} {text.count(self.old)} times, not once")
        file.write_text(text.replace(self.old, self.new), encoding="utf-8")


# No macro of a fact: SQLMesh takes incremental models of dbt for "forward only", so the rows that a
# fact has would stay as they were.
EDIT = Edit(
    path="macros/measures.sql",
    old="/ nullif({{ n }} - 1, 0)",
    new="/ nullif({{ n }}, 0)",
    changes=frozenset(
        {
            f"{ANALYTICS}.dim_users",
            f"{CANDIDATE}.mart_genre",
            f"{CANDIDATE}.mart_movie",
        }
    ),
)
"""The standard deviation of a population in place of a sample's."""


@dataclass(frozen=True)
class Table:
    """A table or a view of one side.

    Attributes:
        columns: Its columns in order, each with its type.
        digest: The number of its rows, and the sum of their hashes.
    """

    columns: tuple[tuple[str, str], ...]
    digest: Digest

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.digest[0]


def tables(warehouse: Path) -> dict[str, Table]:
    """Reads what a side has built.

    Args:
        warehouse: The database file.

    Returns:
        Every table and view of the models' schemas, by schema and name.
    """
    with duckdb.connect(warehouse, read_only=True) as connection:
        columns: dict[str, list[tuple[str, str]]] = {}
        for relation, column, kind in connection.execute(
            "select table_schema || '.' || table_name, column_name, data_type"
            " from information_schema.columns where table_catalog = current_database()"
            " order by table_schema, table_name, ordinal_position"
        ).fetchall():
            columns.setdefault(relation, []).append((column, kind))
        found = digests(connection, ANALYTICS, CANDIDATE)
    return {name: Table(tuple(columns[name]), digest) for name, digest in found.items()}


def difference(one: Table | None, other: Table | None) -> str:
    """Compares a table with the other side's.

    Args:
        one: As dbt built it, if it did.
        other: As SQLMesh built it, if it did.

    Returns:
        What differs, in words; nothing if they are equal.
    """
    if one is None or other is None:
        return f"only {'SQLMesh' if one is None else 'dbt'} has it"
    if one.columns != other.columns:
        differ = sorted({name for name, _ in set(one.columns) ^ set(other.columns)})
        return f"columns: {', '.join(differ) or 'in another order'}"
    if one.rows != other.rows:
        return f"rows: {one.rows:,} of dbt, {other.rows:,} of SQLMesh"
    return "" if one.digest == other.digest else "the same number of rows, but others"


def differences(one: Mapping[str, Table], other: Mapping[str, Table]) -> dict[str, str]:
    """Compares both sides.

    Args:
        one: What dbt built.
        other: What SQLMesh built.

    Returns:
        What differs, by the name of the table.
    """
    compared = sorted(one.keys() | other.keys())
    found = {name: difference(one.get(name), other.get(name)) for name in compared}
    return {name: told for name, told in found.items() if told}


def watermarks_behind(one: Path, other: Path) -> list[str]:
    """Compares which file each fact has seen, whatever its table is called.

    Args:
        one: dbt's warehouse.
        other: SQLMesh's warehouse.

    Returns:
        The facts of which SQLMesh has seen less than dbt, or of which only one side knows.
    """
    sides = []
    for warehouse in (one, other):
        with duckdb.connect(warehouse, read_only=True) as connection:
            fact = "split_part(model_name, '__', 1)"
            query = f"select {fact}, max(file_id) from {WATERMARKS} group by 1"
            sides.append(dict(connection.execute(query).fetchall()))
    seen_by_dbt, seen = sides
    only_one = seen_by_dbt.keys() ^ seen.keys()
    both = seen_by_dbt.keys() & seen.keys()
    return sorted(only_one | {fact for fact in both if seen[fact] < seen_by_dbt[fact]})


def hand_over(one: Path, other: Path) -> None:
    """Gives the other side the same rows to start from.

    Args:
        one: The warehouse that was loaded.
        other: The warehouse whose RAW and `audit` are replaced; created if it is not there.
    """
    other.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(other) as connection:
        connection.execute(f"attach '{one}' as loaded (read_only)")
        for schema, table in connection.execute(
            "select table_schema, table_name from information_schema.tables"
            " where table_catalog = 'loaded' and list_contains(?, table_schema)",
            [[RAW, AUDIT]],
        ).fetchall():
            connection.execute(f"create schema if not exists {schema}")
            copied = f'{schema}."{table}"'
            connection.execute(f"create or replace table {copied} as from loaded.{copied}")


class Sqlmesh:
    """SQLMesh in an environment of its own, on a copy of the project and a warehouse of its own.

    Args:
        folder: Where both are made, and whatever SQLMesh writes.
        program: The command.
    """

    def __init__(self, folder: Path, program: Path = PROGRAM) -> None:
        self._folder = folder
        self._program = program
        self.project = copy_of_the_project(folder / "project")
        # A view names its catalog, which is the stem of the file: the same as on dbt's side.
        self.warehouse = folder / "warehouse.duckdb"
        shutil.copy(PROJECT / "sqlmesh.yaml", self.project)
        with (self.project / "dbt_project.yml").open("a", encoding="utf-8") as file:
            file.write(WITHOUT_TESTS)

    def plan(self) -> None:
        """Applies whatever is new in the code.

        Raises:
            SqlmeshFailedError: If it could not.
        """
        self._call("plan", "--auto-apply", "--no-prompts")

    def run(self) -> None:
        """Runs all models on whatever is new in RAW.

        Raises:
            SqlmeshFailedError: If it could not.
        """
        self._call("run", "--ignore-cron")

    def _call(self, *arguments: str) -> None:
        done = subprocess.run(
            [self._program, "--paths", self.project, "--log-file-dir", self._folder, *arguments],
            cwd=self._folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
        )
        if done.returncode != 0:
            told = (done.stdout + done.stderr)[-_TOLD:]
            raise SqlmeshFailedError(
                f"sqlmesh {arguments[0]} exited with {done.returncode}\n{told}"
            )

    def _environment(self) -> dict[str, str]:
        ours = ("MOVIELENS_", "SNOWFLAKE_", "DBT_", "SQLMESH_", "VIRTUAL_ENV")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        # SQLMesh writes its state to the user's home folder.
        return inherited | {"MOVIELENS_WAREHOUSE": str(self.warehouse), "HOME": str(self._folder)}


class Comparison:
    """Both sides, load after load.

    Args:
        folder: Where everything is made.
        ratings: How many ratings to generate.
        seed: Which data, and which changes of it.
    """

    def __init__(self, folder: Path, ratings: int, seed: int) -> None:
        zone, base = folder / "zone", folder / "base"
        generate(base, ratings=ratings, seed=seed)
        _make_films_popular(base / "ratings.csv")
        zone.mkdir()
        (zone / "README.txt").write_text(README, encoding="utf-8")
        self._history = History(zone, seed, base)
        self._dbt = Settings(home=folder / "dbt", source=str(zone), _env_file=None)
        self._sqlmesh = Sqlmesh(folder / "sqlmesh")
        self._digests: dict[str, list[Digest]] = {}
        self.problems: list[str] = []

    def after(self, number: int, kinds: Collection[str]) -> None:
        """Makes the next drop, takes both sides through it, and compares them.

        Args:
            number: Which load it is.
            kinds: What happens to the landing zone before it.
        """
        step = self._history.step(*kinds) if kinds else self._history.start()
        print(f"load {number}: {step.description}", flush=True)
        started = time.perf_counter()
        report = load(settings=self._dbt, remove_missing=step.remove_missing)
        check_report(step, report)
        # A release that lost so much could be held back.
        build(self._dbt, accept_release=True)
        built = time.perf_counter()
        hand_over(self._dbt.warehouse_file, self._sqlmesh.warehouse)
        follow = self._sqlmesh.run if kinds else self._sqlmesh.plan
        follow()
        print(
            f"  {report.rows:,} rows loaded; {built - started:.0f} s with dbt, "
            f"{time.perf_counter() - built:.0f} s with SQLMesh"
        )
        self._compare(number)
        # The next build compares itself with what readers see.
        publish(self._dbt)

    def _compare(self, number: int) -> None:
        one, other = tables(self._dbt.warehouse_file), tables(self._sqlmesh.warehouse)
        found = differences(one, other)
        self.problems += [f"load {number}: {name}: {told}" for name, told in found.items()]
        for fact in watermarks_behind(self._dbt.warehouse_file, self._sqlmesh.warehouse):
            self.problems.append(f"load {number}: {WATERMARKS}: {fact} is behind")
        compared = one.keys() | other.keys()
        for name in compared & one.keys():
            self._digests.setdefault(name, []).append(one[name].digest)
        print(f"  {len(compared)} tables and views compared, {len(found)} differ", flush=True)

    def edited(self, edit: Edit) -> None:
        """Edits the code on SQLMesh's side alone; what follows from it has to be reported.

        Args:
            edit: What is edited, and what follows.
        """
        edit.apply(self._sqlmesh.project)
        self._sqlmesh.plan()
        found = differences(tables(self._dbt.warehouse_file), tables(self._sqlmesh.warehouse))
        print(f"{edit.path} edited on one side: {', '.join(found) or 'nothing'} differ")
        self.problems += [f"edit: {each} was not reported" for each in edit.changes - found.keys()]
        self.problems += [f"edit: {each} was reported" for each in found.keys() - edit.changes]

    def conclude(self) -> None:
        """Prints how many rows were compared; what that proves nothing about is a problem."""
        for name, digests_of in sorted(self._digests.items()):
            print(f"  {name:<42}" + "".join(f"{rows:>10,}" for rows, _ in digests_of))
        self.problems += unproved(self._digests)


def unproved(digests_of: Mapping[str, Sequence[Digest]]) -> list[str]:
    """Looks for models about which the comparison says nothing.

    Args:
        digests_of: What each table held after each load.

    Returns:
        The models that were not built or never had a row, and the facts that no later load changed.
    """
    models = sorted(path.stem for path in (PROJECT / "models").rglob("*.sql"))
    found = {name.partition(".")[2]: digests for name, digests in digests_of.items()}
    empty = [name for name in models if not any(rows for rows, _ in found.get(name, ()))]
    still = [n for n, digests in found.items() if n.startswith("fct_") and len(set(digests)) == 1]
    return [f"{name} never had a row" for name in empty] + [
        f"{name} was not changed by any load after the first" for name in sorted(still)
    ]


def _make_films_popular(ratings: Path) -> None:
    """Some marts are about films that more than a hundred people rated, or that 20 people like.

    Others like a third one, so that the two are together more often than by chance.
    """
    fans = [(user, 1) for user in range(10**5, 10**5 + 120)]
    fans += [(user, 2) for user, _ in fans[::2]]
    fans += [(user, 3) for user in range(2 * 10**5, 2 * 10**5 + 60)]
    with ratings.open("a", encoding="utf-8") as file:
        file.writelines(f"{user},{film},4.0,{10**9 + user}\n" for user, film in fans)


def main() -> None:
    """Prints what was compared, and what differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ratings", type=int, default=5_000, help="how many to generate")
    parser.add_argument("--seed", type=int, default=3, help="another one: other data and changes")
    arguments = parser.parse_args()
    if not PROGRAM.exists():
        sys.exit("SQLMesh is not installed. It has an environment of its own: run `make sqlmesh`.")
    try:
        problems = _problems(arguments.ratings, arguments.seed)
    except SqlmeshFailedError as error:
        sys.exit(str(error))
    print("\n".join(problems) or "dbt and SQLMesh agree, and the edit was noticed")
    sys.exit(1 if problems else 0)


def _problems(ratings: int, seed: int) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="movielens-sqlmesh-") as name:
        comparison = Comparison(Path(name), ratings, seed)
        for number, kinds in enumerate(LOADS, 1):
            comparison.after(number, kinds)
        comparison.conclude()
        comparison.edited(EDIT)
        return comparison.problems


if __name__ == "__main__":
    main()
