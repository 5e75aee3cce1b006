"""Fingerprints of models: equal if a full refresh on the same files would give the same table.

A fingerprint is made of what computes the model's columns and rows, of what these read of its
parents (fingerprints as well, so an edit reaches whatever depends on it, and nothing else), and of
how it is built. Comments, format, descriptions, tests, tags and columns that nothing reads have no
part in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from ingestion.lineage.analysis import Analysis, Computed, Read, digest
from ingestion.lineage.jinja import variables_in, without_format
from ingestion.lineage.models import Model, parents_first

Types = Mapping[str, Mapping[str, str]]
"""The type of each column of each source."""
# Settings that say how a table is made, not what is in it.
MATERIALISATION, CONTRACT = "materialisation", "contract"


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """What one model computes.

    Attributes:
        model: Its name.
        value: The fingerprint: another one is another table.
        own: Of the model without its parents; differs if the model itself was edited.
        text: Of its SQL, with comments and format.
        columns: Of each column, in order, for those that read it.
        rows: Of its rows, for those that read any of it.
        order: Of the order of its rows, for those that go by it.
        settings: Of what else it is built with, by name, such as `macro latest_rows`.
    """

    model: str
    value: str
    own: str
    text: str
    columns: Mapping[str, str]
    rows: str
    settings: Mapping[str, str] = field(default_factory=dict)
    order: str = ""

    def to_json(self) -> str:
        """Returns it as JSON, for a table or a file."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Fingerprint:
        """Reads what `to_json` returned."""
        return cls(**json.loads(text))


@dataclass(frozen=True, kw_only=True)
class Project:
    """What all models have in common.

    Attributes:
        dialect: The dialect of their SQL.
        engine: The engine that builds them, with its version if that can be told.
        sources: The type of each column of each source, such as `raw.ratings`.
        variables: The variables of the project.
    """

    dialect: str
    engine: str
    sources: Types
    variables: Mapping[str, Any] = field(default_factory=dict)


def fingerprints(
    models: Iterable[Model], analyses: Mapping[str, Analysis], project: Project
) -> dict[str, Fingerprint]:
    """Takes the fingerprint of each model.

    Args:
        models: The models, with all models that they read.
        analyses: The analysis of each.
        project: What they have in common.

    Returns:
        The fingerprints by model, parents first.
    """
    found: dict[str, Fingerprint] = {}
    for model in parents_first(models):
        found[model.name] = _fingerprint(model, analyses, project, found)
    return found


def _fingerprint(
    model: Model,
    analyses: Mapping[str, Analysis],
    project: Project,
    parents: Mapping[str, Fingerprint],
) -> Fingerprint:
    analysis = analyses[model.name]
    settings = _settings(model, project)

    def of(computed: Computed, reads: Iterable[Read] = ()) -> list[str]:
        read = sorted({*computed.reads, *reads}, key=repr)
        of_reads = [_of_parent(each, parents, project.sources) for each in read]
        orders = [parents[name].order for name in sorted(computed.orders) if name in parents]
        return [computed.hash, *of_reads, *orders]

    of_content = {k: v for k, v in settings.items() if k not in (MATERIALISATION, CONTRACT)}
    by_macros = _read_by_macros(model, analyses, project)
    orders = analysis.rows.orders | (set(model.parents) if model.macros else set())
    rows = digest(of(replace(analysis.rows, orders=frozenset(orders)), by_macros), of_content)
    # Which of the parents' rows come first among equals is for readers who go by order to know; the
    # table is the same.
    own_order = digest(of(replace(analysis.order, orders=frozenset())))
    columns = {
        name: digest(of(computed), model.contract.get(name))
        for name, computed in analysis.columns.items()
    }
    hashes = {name: computed.hash for name, computed in analysis.columns.items()}
    return Fingerprint(
        model=model.name,
        value=digest(rows, own_order, list(columns.items()), settings),
        own=digest(analysis.rows.hash, analysis.order.hash, list(hashes.items()), settings),
        text=digest(model.source_code, model.sql),
        columns=columns,
        rows=rows,
        order=digest(rows, of(analysis.order)),
        settings=settings,
    )


def _of_parent(read: Read, parents: Mapping[str, Fingerprint], sources: Types) -> str:
    parent = parents.get(read.parent)
    if parent is None:
        type_ = sources.get(read.parent, {}).get(read.column or "")
        return digest(read.parent, read.column, type_)
    # A column that its analysis does not know is part of its whole text, as are its rows.
    return parent.rows if read.column is None else parent.columns.get(read.column, parent.rows)


def _settings(model: Model, project: Project) -> dict[str, str]:
    """A hash of each thing, besides SQL and parents, that the model is built with."""
    texts = {**model.macros, **model.framework, **{f"hook {n}": t for n, t in model.hooks.items()}}
    read = variables_in(texts.values(), project.variables)
    settings: dict[str, object] = {
        MATERIALISATION: model.materialized,
        "configuration": sorted(model.config.items()),
        "engine": project.engine,
        **{f"variable {name}": project.variables[name] for name in sorted(read)},
        **{name: without_format(text, project.dialect) for name, text in sorted(texts.items())},
    }
    if model.contract:
        settings[CONTRACT] = list(model.contract.items())
    return {name: digest(setting) for name, setting in settings.items()}


def _read_by_macros(
    model: Model, analyses: Mapping[str, Analysis], project: Project
) -> Iterable[Read]:
    """What macros may read of the parents when they do not run a full refresh.

    Columns of a parent count if the macros name them anywhere.
    """
    if not model.macros:
        return
    names = set(re.findall(r"\w+", " ".join([*model.macros.values(), *model.hooks.values()])))
    for parent in model.parents:
        yield Read(parent, None)
        columns = analyses[parent].columns if parent in analyses else project.sources[parent]
        yield from (Read(parent, column) for column in columns if column in names)
