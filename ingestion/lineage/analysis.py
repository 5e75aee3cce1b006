"""What the SQL of a model says about its columns and rows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple


def digest(*parts: object) -> str:
    """Returns a short hash of some values, which differ if their `repr` does."""
    return hashlib.sha256("\0".join(map(repr, parts)).encode()).hexdigest()[:16]


class Read(NamedTuple):
    """Something of a parent on which a result depends.

    Attributes:
        parent: A model, or a source such as `raw.ratings`.
        column: Its column; None for which rows it has.
    """

    parent: str
    column: str | None


class Flow(NamedTuple):
    """A way by which values of a parent get into a column.

    Attributes:
        parent: A model, or a source such as `raw.ratings`.
        column: Its column; None if its rows are counted.
        through: The aggregate and window functions on the way, sorted.
    """

    parent: str
    column: str | None
    through: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Computed:
    """What computes a column, or decides which rows there are.

    Attributes:
        hash: Differs if the code does; names, comments and format have no part in it.
        reads: Everything of the parents that it depends on.
        flows: Where values come from; empty for rows.
        orders: The parents whose order of rows it depends on.
    """

    hash: str
    reads: frozenset[Read] = frozenset()
    flows: frozenset[Flow] = frozenset()
    orders: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """One model: its columns, in order, and its rows.

    Attributes:
        columns: What computes each column. The rows it is computed for are left out: they count
            for every column.
        rows: What decides which rows there are.
        order: What decides in which order they are.
        opaque: Why the SQL could not be analysed, so that every column depends on its whole
            text; empty if it could.
    """

    columns: Mapping[str, Computed] = field(default_factory=dict)
    rows: Computed
    order: Computed
    opaque: str = ""

    def to_json(self) -> dict[str, Any]:
        """Returns values that JSON can hold."""
        return {
            "columns": {name: _to_json(column) for name, column in self.columns.items()},
            "rows": _to_json(self.rows),
            "order": _to_json(self.order),
            "opaque": self.opaque,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Analysis:
        """Reads what `to_json` returned."""
        return cls(
            columns={name: _from_json(column) for name, column in content["columns"].items()},
            rows=_from_json(content["rows"]),
            order=_from_json(content["order"]),
            opaque=content["opaque"],
        )


def _to_json(computed: Computed) -> list[Any]:
    reads = sorted(computed.reads, key=repr)
    flows = sorted(computed.flows, key=repr)
    return [computed.hash, reads, flows, sorted(computed.orders)]


def _from_json(content: list[Any]) -> Computed:
    hash_, reads, flows, orders = content
    return Computed(
        hash=hash_,
        reads=frozenset(Read(*read) for read in reads),
        flows=frozenset(Flow(parent, column, tuple(by)) for parent, column, by in flows),
        orders=frozenset(orders),
    )
