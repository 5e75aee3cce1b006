"""A plan in words: for a terminal, and as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ingestion.landing.lookalikes import in_words
from ingestion.landing.parts import by_folder
from ingestion.plan.files import PlannedColumn, PlannedFile
from ingestion.plan.plan import Plan, PlannedModel

_MARKS = {"new": "+", "added": "+", "removed": "-", "refused": "!", "missing": "?", "left out": "?"}
_SHOWN = 6
_LABEL = 10


def as_text(plan: Plan) -> list[str]:
    """Describes a plan in lines for a terminal."""
    if plan.is_empty:
        unchanged = sum(file.change == "unchanged" for file in plan.files)
        quiet = [line for line in _file_lines(plan) if line[0] in "!?"]
        return [
            f"Nothing to do: {_count(unchanged, 'file')} unchanged, every model as it was built",
            *_column("Files", quiet),
            *_column("Models", _edits(plan)),
            *_column("Expires", _expires(plan)),
        ]
    return [
        *_column("Files", [*_file_lines(plan), *_raw_lines(plan.columns)]),
        *_column("Models", _edits(plan)),
        *_column("Do", _work(plan)),
        *_column("Seen on", _pages(plan)),
        *_column("Expires", _expires(plan)),
    ]


def _expires(plan: Plan) -> list[str]:
    names, tables = plan.expires.environments, len(plan.expires.tables)
    dropped = [*names, *([_count(tables, "table") + " that nothing needs"] if tables else [])]
    return [f"{', '.join(dropped)}: dropped by the next {plan.expires_with}"] if dropped else []


def as_markdown(plan: Plan) -> list[str]:
    """Describes a plan in Markdown."""
    if plan.is_empty:
        return ["### Plan", "", as_text(plan)[0] + "."]
    lines = ["### Plan", ""]
    for heading, items in (
        ("Files", [*_file_lines(plan), *_raw_lines(plan.columns)]),
        ("Models", list(_edits(plan))),
        ("Work", list(_work(plan))),
        ("Expires", _expires(plan)),
    ):
        if items:
            lines += [f"**{heading}**", "", "```", *items, "```", ""]
    return [*lines, *(f"Seen on: {pages}" for pages in _pages(plan))]


def _pages(plan: Plan) -> list[str]:
    return [", ".join(page.capitalize() for page in plan.pages)] if plan.pages else []


def _column(label: str, lines: Iterable[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f"{'' if number else label:<{_LABEL}}{line}"


def _file_lines(plan: Plan) -> list[str]:
    if plan.unlisted:
        return [f"! not looked at, built from what is loaded: {plan.unlisted}"]
    shown = [file for file in plan.files if file.change != "unchanged"]
    unchanged = len(plan.files) - len(shown)
    told = [_as_one(name, files) for name, files in by_folder(shown, _told_alike)]
    width = max((len(file.path) for file in told), default=0)
    lines = [_file_line(file, width) for file in told]
    lines += [f"! not read: {line}" for line in in_words(plan.unread)]
    return [*lines, f"= {_count(unchanged, 'file')} unchanged"] if unchanged else lines


def _told_alike(file: PlannedFile) -> tuple[str, str | None]:
    return file.change, file.reason


def _as_one(name: str, files: list[PlannedFile]) -> PlannedFile:
    return replace(files[0], path=name, rows=sum(file.rows or 0 for file in files))


def _file_line(file: PlannedFile, width: int) -> str:
    mark = _MARKS.get(file.change, "~")
    what = {
        "refused": file.reason,
        "missing": "no longer there; its rows are kept (--remove-missing records it as removed)",
        "left out": f"not read any more, as {file.reason}; its rows are kept",
        "removed": f"recorded as removed, with {_count(file.rows or 0, 'row')}",
    }.get(file.change, f"about {_count(file.rows or 0, 'row')}")
    return f"{mark} {file.path:<{width}}  {what}"


def _raw_lines(columns: Iterable[PlannedColumn]) -> Iterator[str]:
    for column in columns:
        name = f"raw.{column.dataset}.{column.column}"
        where = ", ".join(column.paths[:_SHOWN])
        yield {
            "appears": f"! {name}: new column, in no model ({where})",
            "unmodelled": f"! {name}: in no model ({where})",
            "missing": f"! {name}: null for all rows of {where}",
        }[column.change]


def _edits(plan: Plan) -> Iterator[str]:
    shown = [model for model in plan.models if model.change != "unchanged"]
    if len(shown) == len(plan.models) and all(model.change == "added" for model in shown):
        where = f" in {plan.environment}" if plan.of("reuse") else ""
        yield f"+ all {len(shown)} models, as nothing was built{where} yet"
        return
    width = max((len(model.name) for model in shown), default=0)
    for model in shown:
        yield _edit(model, width)


def _edit(model: PlannedModel, width: int) -> str:
    if model.change == "format":
        return f"= {model.name:<{width}}  comments or format only, nothing to do"
    mark = _MARKS.get(model.change, "~")
    what = [] if model.category == "none" else [model.category]
    if model.columns:
        what.append(f"columns {_listed(model.columns)}")
    if model.rows_changed:
        what.append("its rows")
    if not model.columns and not model.rows_changed and model.settings:
        what.append(_listed(model.settings))
    return f"{mark} {model.name:<{width}}  {model.change:<10}  {'; '.join(what)}".rstrip()


def _work(plan: Plan) -> Iterator[str]:
    parts = []
    for action in ("build", "refresh", "reuse", "drop"):
        models = plan.of(action)
        if models:
            parts.append(f"{action} {len(models)}{_took(models) if action != 'reuse' else ''}")
    yield f"{', '.join(parts)}; run {_count(plan.tests, 'test')}; then report on it"
    for fact, why in plan.rebuilt.items():
        yield f"{fact} from all rows: {why}"
    for model in plan.of("build")[: _SHOWN if plan.of("reuse") else 0]:
        rows = "" if model.rows is None else f", {_count(model.rows, 'row')}"
        yield f"  {model.name}{rows}{_took([model])}"


def _took(models: Iterable[PlannedModel]) -> str:
    known = [model.seconds for model in models if model.seconds is not None]
    return f" ({sum(known):.1f} s last time)" if known else ""


def _listed(names: tuple[str, ...]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _count(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
