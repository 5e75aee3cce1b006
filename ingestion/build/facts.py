"""Rebuilds a fact from all rows when its SQL, or a macro it uses, was edited.

A fact is incremental, so an edit alone would only reach the rows of files that change later. The
table `audit.fact_code` therefore stores, per fact, a hash of each piece of code behind its rows:
the model, its upstream models down to RAW, every macro they call, the project's vars and the
engine. When a piece differs, the fact is dropped, and the build recreates it from all current
rows. Reverting an edit has the same effect.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from ingestion.build.artifacts import Project
from ingestion.build.dbt import engine_version, project_variables
from ingestion.build.environments import AUDIT, Environment
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse, create_schema
from ingestion.warehouse.lease import Lease

_TABLE = "fact_code"
_SHOWN = 3
Code = Mapping[str, str]
"""A hash of each piece of code, by name, such as `macro normalised_tag`."""


@dataclass(frozen=True)
class Facts:
    """One environment's facts and the code to build them with.

    Attributes:
        environment: Where they are built.
        schemas: The schema of each fact, by name.
        code: The code of each fact.
    """

    environment: Environment
    schemas: Mapping[str, str]
    code: Mapping[str, Code]

    @classmethod
    def of(cls, settings: Settings, environment: Environment, project: Project) -> Facts:
        """Reads a project's facts and their code."""
        variables = json.dumps(project_variables(settings), sort_keys=True)
        engine = engine_version(project.engine)
        shared = {"vars of dbt_project.yml": variables, "the engine": engine}
        code = {fact: _hashes({**of, **shared}) for fact, of in project.code_of_facts().items()}
        return cls(environment, project.facts, code)

    @property
    def _table(self) -> str:
        return f"{self.environment.schema(AUDIT)}.{_TABLE}"

    def outdated(self, target: Warehouse) -> dict[str, str]:
        """Finds the facts whose rows were built with other code.

        Returns:
            Why each must be rebuilt, by name; facts that do not exist yet are left out.
        """
        there, recorded = self._there(target), self._recorded(target)
        return {
            fact: why
            for fact, code in self.code.items()
            if fact in there and (why := _difference(recorded.get(fact), code))
        }

    def rebuild(self, lease: Lease, outdated: Collection[str]) -> None:
        """Drops outdated facts, then records the code of all.

        In this order, the recorded code always matches the rows, even after a crash in between.

        Raises:
            BusyError: If another run has taken the lease; nothing is dropped.
        """
        lease.execute()
        with lease.target.connect() as connection:
            create_schema(connection, self.environment.schema(AUDIT))
            columns = "fact varchar, code varchar"
            connection.execute(f"create table if not exists {self._table} ({columns})")
            for fact in outdated:
                connection.execute(f"drop table if exists {self.schemas[fact]}.{fact}")
        literal = lease.target.literal
        rows = ", ".join(
            f"({literal(fact)}, {literal(json.dumps(code))})" for fact, code in self.code.items()
        )
        lease.execute(
            f"delete from {self._table}", f"insert into {self._table} (fact, code) values {rows}"
        )

    def _there(self, target: Warehouse) -> set[str]:
        schemas = ", ".join(map(target.literal, sorted(set(self.schemas.values()))))
        rows = target.fetch(
            "select lower(table_name) from information_schema.tables "
            f"where lower(table_schema) in ({schemas})"
        )
        return {name for (name,) in rows}

    def _recorded(self, target: Warehouse) -> dict[str, Code]:
        if not target.has_table(self.environment.schema(AUDIT), _TABLE):
            return {}
        return {
            fact: json.loads(code)
            for fact, code in target.fetch(f"select fact, code from {self._table}")
        }


def _hashes(code: Mapping[str, str]) -> Code:
    return {
        name: hashlib.sha256(text.encode()).hexdigest()[:16] for name, text in sorted(code.items())
    }


def _difference(before: Code | None, now: Code) -> str:
    """Describes what changed; empty if nothing did."""
    if before is None:
        return "the code it was built with is unknown"
    changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    return f"{', '.join(changed[:_SHOWN])}{more} changed" if changed else ""
