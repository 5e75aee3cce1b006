"""A model as lineage needs it: plain values, whatever compiled it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model, compiled as a full refresh runs it.

    Attributes:
        name: Its name.
        relation: The schema and the name that other models' SQL calls it by.
        sql: Its compiled SQL.
        parents: The models and sources it reads; a source is called as in `raw.ratings`.
        source_code: Its SQL before it was compiled.
        materialized: Its materialisation.
        config: The rest of its configuration that can affect its rows.
        contract: The type and constraints of each column, in order; empty without a contract.
        hooks: The statements that run before and after it, by name.
        macros: The text of the macros that it uses, by name, if it is not always built by a full
            refresh or has hooks: compiled SQL does not show all that they do.
        framework: The text of what runs around every model, by name.
    """

    name: str
    relation: tuple[str, str]
    sql: str
    parents: tuple[str, ...] = ()
    source_code: str = ""
    materialized: str = "table"
    config: Mapping[str, object] = field(default_factory=dict)
    contract: Mapping[str, str] = field(default_factory=dict)
    hooks: Mapping[str, str] = field(default_factory=dict)
    macros: Mapping[str, str] = field(default_factory=dict)
    framework: Mapping[str, str] = field(default_factory=dict)


def parents_first(models: Iterable[Model]) -> Iterator[Model]:
    """Yields models in an order in which each comes after those it reads."""
    by_name = {model.name: model for model in models}
    arrows = {
        model.name: sorted(parent for parent in model.parents if parent in by_name)
        for model in sorted(by_name.values(), key=lambda model: model.name)
    }
    for name in TopologicalSorter(arrows).static_order():
        yield by_name[name]
