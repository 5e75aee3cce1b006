"""What is different between two sets of marts: rows by key, values by column, with examples.

Where no key can match the rows, because none is tested, its columns differ between the places, or
it is in both but several times in one of them, whole rows are compared.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from ingestion.build import registry
from ingestion.build.artifacts import Project
from ingestion.build.environments import CANDIDATE, PRODUCTION, Environment
from ingestion.build.lineage import lineage_of, parsed_in
from ingestion.engine import engine_of
from ingestion.errors import SettingsError
from ingestion.plan.comparison import Comparison, Counts
from ingestion.plan.differences import ColumnDiff, Diff, Key, MartDiff, Side
from ingestion.publish.place import Mart, Place
from ingestion.remedies import command
from ingestion.settings import Settings
from ingestion.warehouse import layout
from ingestion.warehouse.base import Connection, Warehouse


def diff_environment(
    settings: Settings, environment: Environment = PRODUCTION, named: Sequence[str] = ()
) -> Diff:
    """Compares the marts that an environment shows with what is published; changes nothing.

    Args:
        settings: The settings.
        environment: The environment; production shows the candidate.
        named: The marts to compare; by default all but the reports on the build, which always
            differ.

    Raises:
        SettingsError: If the environment shows nothing, nothing is published, or no such mart.
        BusyError: If a writer has the warehouse file.
        NewerLayout: If a newer version has written to the warehouse.
    """
    target = engine_of(settings).looked_at()
    layout.check(target)
    after, before = place_of(target, environment), engine_of(settings).published().place()
    if before is None:
        raise SettingsError(
            "Nothing is published yet, so there is nothing to compare with", command("publish")
        )
    lineage_of(settings)
    project = Project(parsed_in(settings))
    left_out = set() if named else project.reports
    with target.connect() as connection:
        return diff(connection, before, after, project.keys(), named=named, left_out=left_out)


def place_of(target: Warehouse, environment: Environment) -> Place:
    """Returns where the marts are that an environment shows.

    Raises:
        SettingsError: If there are none.
    """
    known = registry.read(target)
    found = known.shown_by(environment)
    if found is None and environment.is_production:
        raise SettingsError(
            "There is no audited candidate to compare with what is published", command("build")
        )
    if found is None:
        raise registry.unknown(known, environment)
    name = "candidate" if environment.is_production else environment.name
    return Place(name=name, version=found.version, schemas=(environment.schema(CANDIDATE),))


def diff(
    connection: Connection,
    before: Place,
    after: Place,
    keys: Mapping[str, Key],
    *,
    named: Collection[str] = (),
    left_out: Collection[str] = (),
) -> Diff:
    """Compares two sets of marts.

    Args:
        connection: A connection to the warehouse, from which both can be read.
        before: The one to compare with.
        after: The one to look at.
        keys: The key of each mart, where it has one.
        named: The marts to compare; by default all.
        left_out: Marts that are not compared.

    Raises:
        SettingsError: If a mart that is named is in neither of them.
    """
    were, are = before.open(connection, "side_before"), after.open(connection, "side_after")
    there = sorted(were.keys() | are.keys())
    _check(named, there)
    found = [
        _compared(connection, mart, were.get(mart), are.get(mart), keys.get(mart))
        for mart in there
        if (mart in named or not named) and mart not in left_out
    ]
    return Diff(
        before=Side(name=before.name, version=before.version),
        after=Side(name=after.name, version=after.version),
        marts=[mart for mart in found if not _is_only_a_store(mart, before, after)],
    )


def _check(named: Iterable[str], there: Sequence[str]) -> None:
    for name in named:
        if name not in there:
            near = difflib.get_close_matches(name, there, 3) or there
            raise SettingsError(
                f"There is no mart {name!r} in either version", f"choose another: {', '.join(near)}"
            )


def _is_only_a_store(mart: MartDiff, before: Place, after: Place) -> bool:
    """Whether all that is there of a mart is an empty table, made for another version."""
    if mart.change == "gone":
        return before.is_store and not mart.rows_before
    return mart.change == "new" and after.is_store and not mart.rows_after


def _compared(
    connection: Connection, name: str, before: Mart | None, after: Mart | None, key: Key | None
) -> MartDiff:
    if before is None:
        rows = _rows(connection, after)
        return MartDiff(mart=name, change="new", rows_after=rows, added=rows)
    if after is None:
        rows = _rows(connection, before)
        return MartDiff(mart=name, change="gone", rows_before=rows, removed=rows)
    common = [name for name, type_ in after.columns.items() if before.columns.get(name) == type_]
    usable = key if key and set(key) <= set(common) else None
    comparison = Comparison(connection, before, after, common, usable)
    counts = comparison.counts()
    if usable and not counts.is_matched_one_to_one:
        comparison = Comparison(connection, before, after, common, None)
        counts = comparison.counts()
    elif not usable and max(counts.before, counts.after) <= 1:
        comparison = Comparison(connection, before, after, common, ())
        counts = comparison.counts()
    return _told(name, before, after, comparison, counts)


def _rows(connection: Connection, mart: Mart | None) -> int:
    if mart is None:
        return 0
    ((count,),) = connection.execute(f"select count(*) from {mart.source}").fetchall()
    return int(count)


def _told(name: str, before: Mart, after: Mart, comparison: Comparison, counts: Counts) -> MartDiff:
    columns = tuple(_columns(before, after, counts))
    differ = counts.added or counts.removed or counts.changed
    return MartDiff(
        mart=name,
        change="changed" if differ or columns else "same",
        key=comparison.key or (),
        by_row=comparison.key is None,
        rows_before=counts.before,
        rows_after=counts.after,
        added=counts.added,
        removed=counts.removed,
        changed=counts.changed,
        columns=columns,
        examples=tuple(comparison.examples()) if differ else (),
    )


def _columns(before: Mart, after: Mart, counts: Counts) -> Iterator[ColumnDiff]:
    for name in {**after.columns, **before.columns}:
        was, is_ = before.columns.get(name), after.columns.get(name)
        rows = counts.values.get(name, 0)
        if was != is_:
            change = "new" if was is None else "gone" if is_ is None else "type"
            yield ColumnDiff(column=name, change=change, before=was, after=is_)
        elif rows:
            share = rows / counts.matched
            yield ColumnDiff(
                column=name, change="values", before=was, after=is_, rows=rows, share=share
            )
