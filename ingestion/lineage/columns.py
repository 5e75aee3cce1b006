"""Analyses models, each on top of those it reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from functools import cache as once
from importlib import metadata
from pathlib import Path
from typing import Any

from ingestion.lineage.analysis import Analysis, Computed, Flow, Read, digest
from ingestion.lineage.models import Model, parents_first

Columns = Mapping[str, Iterable[str]]
"""The columns of each source, such as `raw.ratings`."""


def analyse(
    models: Iterable[Model],
    *,
    dialect: str,
    sources: Columns,
    cache: MutableMapping[str, Any] | None = None,
) -> dict[str, Analysis]:
    """Finds out what computes the columns of each model, and what decides its rows.

    Args:
        models: The models, with all models that they read.
        dialect: The dialect of their SQL: `duckdb` or `snowflake`.
        sources: The columns of each source that they read.
        cache: What JSON can hold of earlier analyses, by model; replaced by that of these. A
            model is analysed again only if its SQL or its parents' columns changed.

    Returns:
        The analysis of each model, parents first. A model whose SQL cannot be analysed is
        there, too, and depends on all of its parents.
    """
    kept = dict(cache or {})
    columns = {name: tuple(each) for name, each in sources.items()}
    relations = {_relation_of(name): name for name in sources}
    analyses: dict[str, Analysis] = {}
    for model in parents_first(models):
        read = {name: columns.get(name, ()) for name in sorted(model.parents)}
        called = {relation: name for relation, name in relations.items() if name in read}
        key = _key(model, dialect, read, called)
        known = kept.get(model.name, {})
        if known.get("key") == key:
            found = Analysis.from_json(known)
        else:
            found = _analysis(model, dialect, read, called)
            known = {"key": key, **found.to_json()}
        analyses[model.name], kept[model.name] = found, known
        columns[model.name] = tuple(found.columns)
        relations[model.relation[0].lower(), model.relation[1].lower()] = model.name
    if cache is not None:
        cache.clear()
        cache.update({name: kept[name] for name in analyses})
    return analyses


@once
def made_by() -> str:
    """Identifies the code that analyses models: another one may say something else."""
    own = [file.read_text(encoding="utf-8") for file in sorted(Path(__file__).parent.glob("*.py"))]
    return digest(metadata.version("sqlglot"), *own)


def _relation_of(source: str) -> tuple[str, str]:
    schema, _, name = source.lower().partition(".")
    return schema, name


def _key(
    model: Model,
    dialect: str,
    read: Mapping[str, tuple[str, ...]],
    called: Mapping[tuple[str, str], str],
) -> str:
    parents = (dict(read), sorted(called.items()))
    return digest(made_by(), dialect, model.sql, list(model.contract), *parents)


def _analysis(
    model: Model,
    dialect: str,
    read: Mapping[str, tuple[str, ...]],
    called: Mapping[tuple[str, str], str],
) -> Analysis:
    from ingestion.lineage.parsing import qualified
    from ingestion.lineage.queries import relation_of
    from ingestion.lineage.relations import table

    parents = {relation: (name, read[name]) for relation, name in called.items()}
    try:
        query = qualified(model.sql, dialect, {key: of for key, (_, of) in parents.items()})
        tables = {key: table(*parent) for key, parent in parents.items()}
        found = relation_of(query, tables)
    # sqlglot raises errors of many kinds at SQL that it does not know.
    except Exception as error:
        return _opaque(model, dialect, read, f"{type(error).__name__}: {error}")
    return Analysis(columns=dict(found.columns), rows=found.rows, order=found.order)


def _opaque(
    model: Model, dialect: str, read: Mapping[str, tuple[str, ...]], reason: str
) -> Analysis:
    """Everything depends on the whole text, and on everything of the parents."""
    from ingestion.lineage.parsing import without_format

    text = digest(without_format(model.sql, dialect))
    of_columns = [(parent, column) for parent, columns in read.items() for column in columns]
    reads = {Read(parent, None) for parent in read} | {Read(*each) for each in of_columns}
    everything = Computed(
        hash=text,
        reads=frozenset(reads),
        flows=frozenset(Flow(*each, ()) for each in of_columns),
        orders=frozenset(read),
    )
    columns = dict.fromkeys(model.contract, everything)
    shown = reason.splitlines()[0][:200]
    return Analysis(columns=columns, rows=everything, order=everything, opaque=shown)
