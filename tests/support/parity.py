"""The parity gate: both targets, from one landing zone, relation by relation.

    python -m tests.support.parity                             generated data, Snowflake's stand-in
    python -m tests.support.parity --source ml-latest-small    another landing zone
    SNOWFLAKE_ACCOUNT=... SNOWFLAKE_PARITY_DATABASE=... python -m tests.support.parity
                                                               a real account, SNOWFLAKE_* as usual

On a real account it needs a database of its own, named in SNOWFLAKE_PARITY_DATABASE: it publishes,
and records what it does not find in its landing zone as removed.

Runs load, build, audit and publish on DuckDB and on Snowflake, and compares the columns of every
table and view, their types, the number of rows and, for each column, a hash that does not depend on
the order of the rows; numbers with a fraction are compared in their order, to a relative difference
of one in 10^9. Exits with 1 if anything differs.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingestion.build.environments import ANALYTICS, CANDIDATE
from ingestion.datasets import MANIFEST
from ingestion.engine import engine_of
from ingestion.landing.listing import list_landing_zone
from ingestion.operate.run import run
from ingestion.raw.manifest import SCHEMA as RAW
from ingestion.settings import resolve
from ingestion.warehouse.base import Warehouse
from ingestion.warehouse.snowflake_login import SnowflakeSettings

_PREFIX = "movielens-parity-"
SCHEMAS = (RAW, ANALYTICS, CANDIDATE)
TOLERANCE = 1e-9
# What only one run, or only one engine, can say.
LEFT_OUT = {
    "_file_id": "file ids are given by each load",
    "file_id": "file ids are given by each load",
    "load_id": "load ids are given by each load",
    "loaded_at": "when it was loaded",
    "last_loaded_at": "when it was loaded",
    "built_at": "when it was built",
    "run_at": "when it was tested",
    "data_version": "named after when it was built",
    "data_type": "the engine's own names of types, in the dictionary",
}
_FAMILIES = (
    ("fraction", r"double|float|real"),
    ("whole number", r"(big|small|tiny|huge)?int(eger)?|(number|decimal|numeric)(\(\d+, *0\))?"),
    ("text", r"varchar.*|text|string|char.*"),
    ("timestamp", r"timestamp.*|datetime"),
    ("date", r"date"),
    ("truth value", r"boolean"),
)
NOT_PROVED = (
    "The stand-in is DuckDB underneath. This proves the driver, the protocol, the statements and "
    "the flow; that Snowflake computes the same, only a real account can prove."
)


def family(type_: str) -> str:
    """Names what a type is on any engine, such as `whole number`.

    Args:
        type_: The engine's name of it.

    Returns:
        The family; the name itself if it is of none.
    """
    name = type_.lower()
    return next((f for f, pattern in _FAMILIES if re.fullmatch(pattern, name)), name)


@dataclass(frozen=True)
class Relation:
    """A table or a view as one engine has it.

    Attributes:
        types: The family of each column's type.
        rows: How many rows there are.
        values: For each column a hash, or its values in order where they have a fraction.
    """

    types: dict[str, str] = field(default_factory=dict)
    rows: int = 0
    values: dict[str, Any] = field(default_factory=dict)


def relations(target: Warehouse) -> dict[str, Relation]:
    """Reads every table and view of every layer.

    Args:
        target: The warehouse.

    Returns:
        The relations by schema and name, without dlt's and this project's own bookkeeping.
    """
    columns: dict[str, dict[str, str]] = {}
    schemas = ", ".join(map(target.literal, SCHEMAS))
    found = target.fetch(
        "select lower(table_schema), lower(table_name), lower(column_name), data_type, "
        "ordinal_position from information_schema.columns "
        f"where lower(table_schema) in ({schemas}) order by 1, 2, 5"
    )
    for schema, table, column, type_, _ in found:
        if not table.startswith("_dlt") and table not in ("_lease", "_layout", "_built_files"):
            columns.setdefault(f"{schema}.{table}", {})[column] = family(type_)
    return {name: _read(target, name, types) for name, types in columns.items()}


def _read(target: Warehouse, name: str, types: dict[str, str]) -> Relation:
    compared = [column for column in types if column not in LEFT_OUT]
    rows = target.fetch(f"select {', '.join(compared)} from {name}")
    values = {
        column: _values(types[column], (row[at] for row in rows))
        for at, column in enumerate(compared)
    }
    exact = [at for at, column in enumerate(compared) if types[column] != "fraction"]
    values["(rows)"] = _hash(tuple(_plain(row[at]) for at in exact) for row in rows)
    return Relation(types, len(rows), values)


def _values(kind: str, values: Iterable[Any]) -> Any:
    if kind == "fraction":
        return sorted(math.nan if value is None else float(value) for value in values)
    return _hash(map(_plain, values))


def _plain(value: Any) -> str:
    """The same text for the same value, whichever type a driver gives it in."""
    if isinstance(value, bool) or value is None:
        return str(value)
    if hasattr(value, "tzinfo") and value.tzinfo is not None:
        value = value.replace(tzinfo=None)
    return str(int(value)) if not isinstance(value, str) and _is_whole(value) else str(value)


def _is_whole(value: Any) -> bool:
    try:
        return bool(value == int(value))
    except (TypeError, ValueError):
        return False


def _hash(values: Iterable[Any]) -> int:
    """A sum of hashes, so that the order of the rows does not count, but doubled rows do."""
    digests = (hashlib.blake2b(repr(value).encode(), digest_size=8).digest() for value in values)
    return sum(int.from_bytes(digest) for digest in digests)


def differences(one: Relation, other: Relation) -> list[str]:
    """Compares a relation with the same one on another engine.

    Args:
        one: As one engine has it.
        other: As the other has it.

    Returns:
        What differs, in words.
    """
    found = []
    if list(one.types) != list(other.types):
        only = sorted(set(one.types) ^ set(other.types))
        found.append(f"columns: {', '.join(only) or 'in another order'}")
    shared = [column for column in one.types if column in other.types]
    found += [
        f"type of {column}: {one.types[column]}, {other.types[column]}"
        for column in shared
        if one.types[column] != other.types[column] and column not in LEFT_OUT
    ]
    if one.rows != other.rows:
        return [*found, f"rows: {one.rows:,}, {other.rows:,}"]
    both = [column for column in one.values if column in other.values]
    return found + [f"content of {c}" for c in both if not _same(one.values[c], other.values[c])]


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list) and isinstance(other, list):
        pairs = zip(one, other, strict=True)
        return all(a == b or math.isclose(a, b, rel_tol=TOLERANCE) or a != a != b for a, b in pairs)
    return bool(one == other)


@contextmanager
def _snowflake() -> Iterator[bool]:
    """The account that is set, or else the stand-in; tells whether it is the stand-in."""
    if os.environ.get("SNOWFLAKE_ACCOUNT"):
        os.environ["SNOWFLAKE_DATABASE"] = own_database(os.environ)
        yield False
        return
    from local_dev.snowflake import snowflake_server

    with snowflake_server() as variables:
        os.environ.update(variables)
        yield True


def own_database(environment: Mapping[str, str]) -> str:
    """Gives the database to compare in: never the one that production uses.

    Raises:
        SystemExit: If none is named, or production's.
    """
    own = environment.get("SNOWFLAKE_PARITY_DATABASE", "").strip()
    production = {environment.get("SNOWFLAKE_DATABASE", ""), SnowflakeSettings().database}
    if not own or own.upper() in {name.strip().upper() for name in production}:
        raise SystemExit(
            f"SNOWFLAKE_PARITY_DATABASE is {own or 'not set'}: parity publishes, so it needs a "
            "database of its own; nothing was changed. Create one like infra/snowflake/"
            "03_database.sql and 04_grants.sql do, and name it there"
        )
    return own


def check_zone(target: Warehouse, source: str) -> None:
    """Makes sure that a warehouse holds no landing zone but the one to be compared.

    Args:
        target: The warehouse.
        source: The landing zone; those that earlier nights generated are as good.

    Raises:
        SystemExit: If it holds another one.
    """
    if not target.has_table(RAW, MANIFEST):
        return
    zones = {zone for (zone,) in target.fetch(f"select distinct source from {RAW}.{MANIFEST}")}
    own = list_landing_zone(source).url
    others = sorted(zone for zone in zones if zone != own and f"/{_PREFIX}" not in zone)
    if others:
        raise SystemExit(
            f"The warehouse holds another landing zone ({', '.join(others)}); nothing was "
            "changed. Parity needs a database of its own: SNOWFLAKE_PARITY_DATABASE"
        )


def main() -> None:
    """Prints a line for each relation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", help="a landing zone; default: generated data")
    parser.add_argument("--ratings", type=int, default=5_000, help="how many to generate")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as name, _snowflake() as stand_in:
        folder = Path(name)
        source = arguments.source or _generated(folder / "zone", arguments.ratings)
        check_zone(engine_of(resolve(target="prod")).warehouse(), source)
        found = {}
        for target in ("dev", "prod"):
            settings = resolve(home=folder / target, source=source, target=target)
            report = run(settings, switch_source=True, remove_missing=True)
            print(f"{target}: {report.publish.version} in {report.seconds:.0f} s", flush=True)
            found[target] = relations(engine_of(settings).warehouse())
    differ = _table(found["dev"], found["prod"])
    print(NOT_PROVED if stand_in else "Compared with a real account.")
    sys.exit(1 if differ else 0)


def _generated(folder: Path, ratings: int) -> str:
    from local_dev.generate import generate

    generate(folder, ratings=ratings, seed=1)
    return str(folder)


def _table(dev: dict[str, Relation], prod: dict[str, Relation]) -> int:
    differ = 0
    for name in sorted(dev.keys() | prod.keys()):
        one, other = dev.get(name, Relation()), prod.get(name, Relation())
        problems = differences(one, other)
        differ += bool(problems)
        columns = len(one.values) - 1
        told = "; ".join(problems) or "the same"
        print(f"{name:<42}{one.rows:>10,} rows {columns:>4} columns  {told}")
    print(f"{len(dev)} relations on DuckDB, {len(prod)} on Snowflake, {differ} differ")
    return differ


if __name__ == "__main__":
    main()
