"""Records what the tables of an environment were built from, so that the next build knows.

`audit.built_nodes` has a row per model and test with its code, and one with the watermark in the
manifest. A build that begins removes all rows but those of the facts, and a build that is audited
writes them: if a build dies, the next one builds everything, and keeps only facts of known code.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ingestion.build.environments import AUDIT, Environment
from ingestion.lineage.fingerprints import Fingerprint
from ingestion.warehouse.base import Warehouse, create_schema
from ingestion.warehouse.lease import Lease

_TABLE = "built_nodes"
_COLUMNS = (
    "kind varchar, name varchar, code varchar, n_rows bigint, milliseconds bigint, "
    "built_at timestamp"
)
_FACT, _MODEL, _TEST, _WATERMARK = "fact", "model", "test", "watermark"


@dataclass(frozen=True, kw_only=True)
class BuiltModel:
    """A model as it was built last.

    Attributes:
        fingerprint: Of its code.
        rows: Its rows; None if the engine does not say, or it is a view.
        milliseconds: How long it took.
        built_at: When, UTC.
    """

    fingerprint: Fingerprint
    rows: int | None = None
    milliseconds: int | None = None
    built_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Built:
    """What an environment was built from.

    Attributes:
        models: The models, by name; only the facts if the last build was not audited.
        tests: The code of each test that passed, by name.
        last_file_id: The last manifest entry that was built; None if the last build was not
            audited.
    """

    models: Mapping[str, BuiltModel] = field(default_factory=dict)
    tests: Mapping[str, str] = field(default_factory=dict)
    last_file_id: int | None = None

    @property
    def fingerprints(self) -> dict[str, Fingerprint]:
        """The fingerprint of each model."""
        return {name: model.fingerprint for name, model in self.models.items()}


def read(target: Warehouse, environment: Environment) -> Built:
    """Reads what an environment was built from; nothing if it was not, or by an earlier release."""
    audit = environment.schema(AUDIT)
    if not target.exists() or not target.has_table(audit, _TABLE):
        return Built()
    rows = target.fetch(
        f"select kind, name, code, n_rows, milliseconds, built_at from {audit}.{_TABLE}"
    )
    watermarks = [int(code) for kind, _, code, *_ in rows if kind == _WATERMARK]
    return Built(
        models={
            name: BuiltModel(
                fingerprint=Fingerprint.from_json(code),
                rows=n_rows,
                milliseconds=milliseconds,
                built_at=built_at,
            )
            for kind, name, code, n_rows, milliseconds, built_at in rows
            if kind in (_FACT, _MODEL)
        },
        tests={name: code for kind, name, code, *_ in rows if kind == _TEST},
        last_file_id=max(watermarks, default=None),
    )


def after(
    before: Built,
    fingerprints: Mapping[str, Fingerprint],
    seconds: Mapping[str, float],
    rows: Mapping[str, int],
) -> dict[str, BuiltModel]:
    """Describes the models after a build; one that was not built stays as it was.

    Args:
        before: What the environment was built from.
        fingerprints: The fingerprint of each model.
        seconds: How long each model took that was built.
        rows: The rows of each model that is a table.
    """
    now = datetime.now(UTC).replace(tzinfo=None)
    models = {}
    for name, fingerprint in fingerprints.items():
        kept = before.models.get(name, BuiltModel(fingerprint=fingerprint))
        if name in seconds:
            kept = replace(kept, milliseconds=round(seconds[name] * 1000), built_at=now)
        models[name] = replace(kept, fingerprint=fingerprint, rows=rows.get(name))
    return models


def begin(
    lease: Lease,
    environment: Environment,
    facts: Mapping[str, Fingerprint],
    outdated: Collection[str],
    schemas: Mapping[str, str],
) -> None:
    """Forgets the last build: until this one is audited, no candidate can be published.

    Drops the facts that have to be built from all rows, and then records the code of all, so that
    what is recorded matches the rows even after a crash in between.

    Args:
        lease: The warehouse's lease.
        environment: Where the build writes.
        facts: The fingerprint of each fact, as it is built now.
        outdated: The facts to drop.
        schemas: The schema of each fact.

    Raises:
        BusyError: If another run has taken the lease; nothing is dropped.
    """
    lease.execute()
    audit = environment.schema(AUDIT)
    with lease.target.connect() as connection:
        create_schema(connection, audit)
        connection.execute(f"create table if not exists {audit}.{_TABLE} ({_COLUMNS})")
        for fact in outdated:
            connection.execute(f"drop table if exists {schemas[fact]}.{fact}")
    now = datetime.now(UTC).replace(tzinfo=None)
    rows = [
        _row(_FACT, name, BuiltModel(fingerprint=code, built_at=now))
        for name, code in facts.items()
    ]
    # Emptied, not dropped: some engines commit before each DDL statement.
    builds = [f"delete from {audit}.builds"] if lease.target.has_table(audit, "builds") else []
    lease.execute(*builds, *_replacing(lease.target, audit, rows))


def complete(
    lease: Lease,
    environment: Environment,
    models: Mapping[str, BuiltModel],
    facts: Collection[str],
    tests: Mapping[str, str],
    last_file_id: int,
) -> None:
    """Records that everything is built and audited.

    Raises:
        BusyError: If another run has taken the lease, and may have built other files meanwhile.
    """
    audit = environment.schema(AUDIT)
    rows = [_row(_FACT if name in facts else _MODEL, name, model) for name, model in models.items()]
    rows += [(_TEST, name, code, None, None, None) for name, code in tests.items()]
    rows.append((_WATERMARK, "", str(last_file_id), None, None, None))
    lease.execute(
        f"update {audit}.builds set audited_at = built_at", *_replacing(lease.target, audit, rows)
    )


def _row(kind: str, name: str, model: BuiltModel) -> tuple[Any, ...]:
    code = model.fingerprint.to_json()
    return kind, name, code, model.rows, model.milliseconds, model.built_at


def _replacing(target: Warehouse, audit: str, rows: Iterable[tuple[Any, ...]]) -> list[str]:
    names = ", ".join(column.split()[0] for column in _COLUMNS.split(", "))
    values = ", ".join(f"({', '.join(map(target.literal, row))})" for row in rows)
    statements = [f"delete from {audit}.{_TABLE}"]
    return [*statements, f"insert into {audit}.{_TABLE} ({names}) values {values}"]
