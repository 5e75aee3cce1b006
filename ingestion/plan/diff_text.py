"""A diff in words: for a terminal, and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ingestion.plan.differences import ColumnDiff, Diff, Example, MartDiff

_MARKS = {"new": "+", "gone": "-", "changed": "~", "added": "+", "removed": "-"}
_SHOWN = 6
_LONGEST = 40


def as_text(diff: Diff) -> list[str]:
    """Describes a diff in lines for a terminal."""
    after, before = diff.after, diff.before
    lines = [f"{after.name} {after.version} against {before.name} {before.version}"]
    width = max((len(mart.mart) for mart in diff.different), default=0)
    for mart in diff.different:
        lines.append(f"{_MARKS[mart.change]} {mart.mart:<{width}}  {_rows(mart)}")
        lines += [f"    {line}" for line in _details(mart)]
    same = len(diff.marts) - len(diff.different)
    return [*lines, *([f"= {_count(same, 'mart')} without a difference"] if same else [])]


def as_markdown(diff: Diff) -> list[str]:
    """Describes a diff in Markdown: a table of the marts, then the columns and rows of each."""
    first, *_ = as_text(diff)
    lines = ["### Diff", "", f"{first}.", ""]
    if not diff.different:
        return [*lines, f"No difference in {_count(len(diff.marts), 'mart')}."]
    lines += ["| mart | rows | added | removed | changed |", "|---|--:|--:|--:|--:|"]
    for mart in diff.different:
        counts = " | ".join(f"{n:,}" for n in (mart.added, mart.removed, mart.changed))
        lines.append(f"| `{mart.mart}` {_only(mart)}| {_total(mart)} | {counts} |")
    lines.append("")
    for mart in diff.different:
        details = list(_details(mart))
        if details:
            lines += [f"**{mart.mart}**", "", "```", *details, "```", ""]
    same = len(diff.marts) - len(diff.different)
    return [*lines, *([f"{_count(same, 'mart')} without a difference."] if same else [])]


def _only(mart: MartDiff) -> str:
    return f"{mart.change} " if mart.change in ("new", "gone") else ""


def _total(mart: MartDiff) -> str:
    if mart.change in ("new", "gone"):
        return f"{mart.rows_after or mart.rows_before:,}"
    if mart.rows_before == mart.rows_after:
        return f"{mart.rows_after:,}"
    return f"{mart.rows_before:,} → {mart.rows_after:,}"


def _rows(mart: MartDiff) -> str:
    number = _total(mart)
    rows = f"{number} row{'' if number == '1' else 's'}"
    if mart.change in ("new", "gone"):
        return f"{mart.change}, {rows}"
    found = [
        f"{count:,} {kind}"
        for kind, count in (
            ("added", mart.added),
            ("removed", mart.removed),
            ("changed", mart.changed),
        )
        if count
    ]
    return f"{rows}: {', '.join(found) or 'the same'}"


def _details(mart: MartDiff) -> Iterator[str]:
    if mart.by_row:
        yield "whole rows compared, as no tested key tells them apart in both versions"
    for column in mart.columns:
        if column.change != "values":
            yield _declared(column)
    changed = sorted(
        (column for column in mart.columns if column.change == "values"),
        key=lambda column: -column.rows,
    )
    if changed:
        more = f" and {len(changed) - _SHOWN} more columns" if len(changed) > _SHOWN else ""
        yield ", ".join(f"{c.column} {c.rows:,} ({_share(c)})" for c in changed[:_SHOWN]) + more
    yield from map(_example, mart.examples)


def _declared(column: ColumnDiff) -> str:
    if column.change == "new":
        return f"+ column {column.column} ({column.after})"
    if column.change == "gone":
        return f"- column {column.column} ({column.before})"
    return f"~ column {column.column}: {column.before} → {column.after}, values not compared"


def _share(column: ColumnDiff) -> str:
    """A share that is not all is never rounded to all, nor one that is something to nothing."""
    percent = 100 * column.share
    if percent < 0.1:
        return "<0.1 %"
    return f"{min(percent, 99.9):.1f} %" if column.share < 1 else "100 %"


def _example(example: Example) -> str:
    key = _values(example.key)
    if example.change != "changed":
        there = example.before if example.after is None else example.after
        return f"{_MARKS[example.change]} {key or _values(there or {})}"
    before, after = example.before or {}, example.after or {}
    values = [f"{name} {_value(before[name])} → {_value(after[name])}" for name in before]
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return f"~ {key}{': ' if key else ''}{', '.join(values[:_SHOWN])}{more}"


def _values(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_value(value)}" for name, value in list(values.items())[:_SHOWN])


def _value(value: Any) -> str:
    if value is None:
        return "null"
    text = " ".join(str(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
