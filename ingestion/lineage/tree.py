"""Follows a column down to the sources: which columns its values come from, and how."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ingestion.errors import SettingsError
from ingestion.lineage.analysis import Analysis, Flow

Analyses = Mapping[str, Analysis]


@dataclass(frozen=True, kw_only=True)
class Step:
    """A column, and where its values come from.

    Attributes:
        table: A model, or a source such as `raw.ratings`.
        column: Its column; None if its rows are counted.
        through: The ways into the column above: for each, the aggregate and window functions that
            values pass, none if they pass as they are or in an expression.
        sources: Where it comes from; empty for a source, and for rows.
    """

    table: str
    column: str | None
    through: tuple[tuple[str, ...], ...] = ()
    sources: tuple[Step, ...] = ()

    def __str__(self) -> str:
        return f"{self.table}.{self.column}" if self.column else f"rows of {self.table}"


def trace(analyses: Analyses, name: str) -> list[Step]:
    """Follows columns down to the sources.

    Args:
        analyses: The analyses of all models.
        name: A model, or one of its columns, as in `mart_movie.title`.

    Returns:
        One tree for each column.

    Raises:
        SettingsError: If there is no such model or column.
    """
    model, _, column = name.strip().lower().partition(".")
    _check("model", model, analyses)
    columns = analyses[model].columns
    if column:
        _check("column", column, columns, f" in {model}")
    known: dict[tuple[str, str | None], tuple[Step, ...]] = {}
    return [
        Step(table=model, column=each, sources=_sources(analyses, model, each, known))
        for each in ([column] if column else columns)
    ]


def _check(kind: str, name: str, known: Iterable[str], where: str = "") -> None:
    names = list(known)
    if name not in names:
        near = difflib.get_close_matches(name, names, 3) or names
        raise SettingsError(
            f"There is no {kind} {name!r}{where}", f"choose another: {', '.join(near)}"
        )


def _sources(
    analyses: Analyses,
    table: str,
    column: str | None,
    known: dict[tuple[str, str | None], tuple[Step, ...]],
) -> tuple[Step, ...]:
    if column is None or table not in analyses:
        return ()
    if (table, column) not in known:
        ways = defaultdict(list)
        for flow in sorted(analyses[table].columns[column].flows, key=repr):
            ways[flow.parent, flow.column].append(flow.through)
        known[table, column] = tuple(
            Step(
                table=parent,
                column=of,
                through=tuple(through),
                sources=_sources(analyses, parent, of, known),
            )
            for (parent, of), through in ways.items()
        )
    return known[table, column]


def origins(step: Step) -> frozenset[Flow]:
    """Returns all ways from the sources, and from rows that are counted, into a column.

    Args:
        step: The column.

    Returns:
        For each way, where it starts and all functions on it.
    """
    found: set[Flow] = set()
    for source in step.sources:
        starts = origins(source) if source.sources else {Flow(source.table, source.column, ())}
        for start in starts:
            for way in source.through:
                through = tuple(sorted({*start.through, *way}))
                found.add(start._replace(through=through))
    return frozenset(found)


def as_text(step: Step) -> list[str]:
    """Draws a tree, one line for each step."""
    return [str(step), *_branches(step.sources)]


def _branches(steps: tuple[Step, ...], indent: str = "") -> Iterator[str]:
    for step in steps:
        last = step is steps[-1]
        yield f"{indent}{'└─' if last else '├─'} {step}{_through(step)}"
        yield from _branches(step.sources, f"{indent}{'   ' if last else '│  '}")


def _through(step: Step) -> str:
    if not any(step.through):
        return ""
    ways = sorted(", ".join(way) or "directly" for way in step.through)
    return f"  (through {' or '.join(ways)})"


def as_mermaid(steps: Iterable[Step]) -> list[str]:
    """Draws trees as one Mermaid flow chart; what several of them share is there once."""
    return ["flowchart LR", *dict.fromkeys(line for step in steps for line in _arrows(step))]


def _arrows(step: Step) -> Iterator[str]:
    for source in step.sources:
        yield from _arrows(source)
        ways = " or ".join(sorted(", ".join(way) for way in source.through if way))
        label = f'|"{ways}"|' if ways else ""
        yield f"  {_node(source)} -->{label} {_node(step)}"


def _node(step: Step) -> str:
    name = f"{step.table}.{step.column or 'rows'}".replace(".", "__")
    return f'{name}["{step}"]'
