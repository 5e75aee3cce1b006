"""What each model's table would hold, and which physical table that is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ingestion.build.artifacts import Project
from ingestion.build.environments import Environment
from ingestion.build.registry import Registry, Table
from ingestion.datasets import MANIFEST, RAW
from ingestion.lineage.analysis import digest
from ingestion.lineage.fingerprints import Fingerprint

# Hexadecimal digits in the name of a table.
_DIGITS = 10


@dataclass(frozen=True, kw_only=True)
class Placed:
    """The physical table of a model.

    Attributes:
        table: Its name in the store.
        fingerprint: Of the model's code.
        file_id: The last manifest entry of the model's datasets; None if that is still to come.
        there: Whether the table is there and audited, with just these contents.
        copied_from: The table to copy it from before it is built; None if from none.
    """

    table: str
    fingerprint: str
    file_id: int | None
    there: bool = False
    copied_from: Table | None = None

    @property
    def content(self) -> str:
        """Identifies what it holds: equal for tables with equal rows."""
        return digest(self.fingerprint, self.file_id)


@dataclass(frozen=True, kw_only=True)
class Placing:
    """What decides where the tables of one build are.

    Attributes:
        environment: The environment that the build is for.
        registry: What is registered.
        there: The names of all relations in the store.
        file_ids: The last manifest entry of each dataset; None if that is still to come.
        build: What is built: files and code.
        database: The database, which a view's definition names.
        salt: Makes all tables new; empty to reuse those that are there.
    """

    environment: Environment
    registry: Registry
    there: Collection[str]
    file_ids: Mapping[str, int | None]
    build: str
    database: str
    salt: str = ""


def place(
    project: Project, fingerprints: Mapping[str, Fingerprint], placing: Placing
) -> dict[str, Placed]:
    """Finds the physical table of each model.

    A fact is named after its code alone, and refreshed where it is; every other table after its
    code and its files, so it never changes; a view also after what it reads; a report after the
    build that it describes.

    Args:
        project: The parsed project.
        fingerprints: The fingerprint of each model, parents first.
        placing: What decides.
    """
    placed: dict[str, Placed] = {}
    for model, fingerprint in fingerprints.items():
        file_id = _last(placing.file_ids, project.datasets_of(model))
        if model in project.facts:
            placed[model] = _fact(model, fingerprint.value, file_id, placing)
            continue
        parts: list[object] = [fingerprint.value, file_id, placing.salt]
        if model in project.views:
            parents = sorted(name for name in project.parents(model) if name in placed)
            parts += [placing.database, [placed[name].table for name in parents]]
        if model in project.reports:
            parts.append(placing.build)
        table = _name(model, *parts)
        if model in project.views or model in project.reports:
            same = [table]
        else:
            same = _same(model, fingerprint.value, file_id, placing)
        found = next((name for name in same if _is_there(name, placing)), None)
        placed[model] = Placed(
            table=found or table,
            fingerprint=fingerprint.value,
            file_id=file_id,
            there=found is not None,
        )
    return placed


def _last(file_ids: Mapping[str, int | None], datasets: Collection[str]) -> int | None:
    known = [file_ids[dataset] for dataset in datasets if dataset in file_ids]
    return None if None in known else max((each for each in known if each is not None), default=0)


def _name(model: str, *parts: object) -> str:
    return f"{model}__{digest(*parts)[:_DIGITS]}"


def _is_there(table: str, placing: Placing) -> bool:
    return not placing.salt and table in placing.registry.tables and table in placing.there


def _same(model: str, fingerprint: str, file_id: int | None, placing: Placing) -> list[str]:
    """The registered tables of a model with these contents, newest first."""
    tables = [
        table
        for table in placing.registry.tables.values()
        if (table.model, table.fingerprint, table.file_id) == (model, fingerprint, file_id)
    ]
    return [table.name for table in sorted(tables, key=_age, reverse=True)]


def _age(table: Table) -> tuple[str, str]:
    return str(table.built_at), table.name


def _fact(model: str, fingerprint: str, file_id: int | None, placing: Placing) -> Placed:
    """Where a fact is: there already, or the one to refresh, or a table of its own.

    Only production refreshes what another environment shows, which keeps a copy.
    """
    registry, environment = placing.registry, placing.environment
    for name in _same(model, fingerprint, file_id, placing):
        if _is_there(name, placing):
            return Placed(table=name, fingerprint=fingerprint, file_id=file_id, there=True)
    shown = registry.shown_by(environment)
    own = shown.members[model].table if shown and model in shown.members else ""
    has_own = own in registry.tables and registry.tables[own].fingerprint == fingerprint
    base = _name(model, fingerprint, placing.salt)
    table = own if has_own and not placing.salt and own in placing.there else base
    copied_from = None
    if not environment.is_production and shown_elsewhere(registry, environment, table):
        copied_from = registry.tables.get(table)
        table = f"{base}_{file_id}"
    return Placed(table=table, fingerprint=fingerprint, file_id=file_id, copied_from=copied_from)


def shown_elsewhere(registry: Registry, environment: Environment, table: str) -> list[str]:
    """Returns the other environments that show a table."""
    return [
        name for name, build in registry.shown(but=environment).items() if table in build.tables
    ]


def test_keys(
    project: Project,
    code: Mapping[str, str],
    fingerprints: Mapping[str, Fingerprint],
    placed: Mapping[str, Placed],
    file_ids: Mapping[str, int | None],
) -> dict[str, str]:
    """Identifies each test with what decides its result: its code, and the tables that it reads.

    Args:
        project: The parsed project.
        code: A hash of the code of each test.
        fingerprints: The fingerprint of each model.
        placed: The table of each model.
        file_ids: The last manifest entry of each dataset.
    """

    def content(table: str) -> object:
        if table in placed:
            return placed[table].content
        dataset = table.removeprefix(f"{RAW}.")
        return _last(file_ids, file_ids if dataset == MANIFEST else (dataset,))

    keys = {}
    for test in project.tests:
        if test.kind == "unit test":  # it brings the rows of the parents
            read: list[object] = [fingerprints[test.table].own]
        else:
            read = [(table, content(table)) for table in sorted(test.decided_by)]
        keys[test.name] = digest(test.name, code[test.name], read)
    return keys
