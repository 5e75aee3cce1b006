"""Loads cases, and compares their outcomes with the expected ones."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from ingestion import LoadReport, load
from ingestion.datasets import DATASETS
from ingestion.settings import Settings
from tests.support.bad_input.builders import (
    Case,
    Row,
)
from tests.support.landing_zone import SIX, rows_in_files, write_six
from tests.support.slow_reader import lines_of


@dataclass(frozen=True)
class Checked:
    """What became of a case.

    Attributes:
        case: The case.
        found: What happened, in words.
        problems: Where that is not what must become of it.
    """

    case: Case
    found: str
    problems: list[str]


class _Loaded:
    """A landing zone of cases with the same settings, after its load."""

    def __init__(self, cases: list[Case], folder: Path) -> None:
        self.zone = folder / "zone"
        write_six(self.zone)
        self._paths = {id(case): f"case-{number}/{case.path}" for number, case in enumerate(cases)}
        for case in cases:
            self._make(case)
        settings = Settings(home=folder / "home", _env_file=None, **cases[0].settings)
        self.report: LoadReport = load(str(self.zone), settings=settings)
        self.files = {file.path: file for file in self.report.files}
        self._raw = duckdb.connect(str(settings.warehouse_file), read_only=True)
        self._manifest = {
            path: entry
            for path, *entry in self._fetch(
                "select path, file_id, rows_loaded, rows_rejected from raw._files"
            )
        }

    def _make(self, case: Case) -> None:
        path = self.zone / self._paths[id(case)]
        path.parent.mkdir(parents=True)
        if isinstance(case.content, bytes):
            path.write_bytes(case.content)
        else:
            case.content(path)
        if case.modified is not None:
            os.utime(path, (case.modified, case.modified))

    def _fetch(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        return self._raw.execute(sql, values).fetchall()

    def _rows(self, dataset: str, new: Iterable[str], file_id: int) -> list[Row]:
        names = [column.name for column in DATASETS[dataset].columns]
        columns = ", ".join(f'"{name}"' for name in (*names, *new))
        return self._fetch(f"select {columns} from raw.{dataset} where _file_id = ?", file_id)

    def others(self) -> Iterable[str]:
        """The good files whose rows are not exactly in RAW."""
        for name in SIX:
            table = DATASETS[self.files[name].dataset].table
            rows = self._rows(table, (), self._manifest[name][0])
            if sorted(rows, key=repr) != rows_in_files(self.zone / name):
                yield name

    def check(self, case: Case) -> Checked:
        path = self._paths[id(case)]
        if path in self.report.ignored:
            return Checked(case, "ignored, by name", [] if case.ignored else ["it is ignored"])
        if path not in self.files:
            folder = f"{Path(path).parent}/"
            inside = [other for other in self.report.ignored if other.startswith(folder)]
            found = "ignored, by name" if inside and case.ignored else "missed"
            return Checked(case, found, [] if inside and case.ignored else ["it is missed"])
        file = self.files[path]
        if file.status == "loaded":
            return self._check_rows(case, path)
        problems = [
            f"the reason does not say {words!r}"
            for words in case.refused
            if words not in file.reason
        ]
        if file.status != "refused" or not case.refused:
            problems.append(f"it is {file.status}")
        if path in self._manifest or file.rows or file.rejected:
            problems.append("something of it counts")
        return Checked(case, f"{file.status}: {file.reason}", problems)

    def _check_rows(self, case: Case, path: str) -> Checked:
        file_id, loaded, rejected = self._manifest[path]
        file = self.files[path]
        rows = self._rows(file.dataset, case.new, file_id)
        rejects = self._fetch(
            "select line, column_name, reason, raw_text from raw._rejected_rows "
            "where file_id = ? order by line",
            file_id,
        )
        problems = [
            f"no warning says {words!r}" for words in case.warned if words not in str(file.warnings)
        ]
        if case.refused or case.ignored:
            problems.append("it is loaded")
        if sorted(rows, key=repr) != sorted(case.rows, key=repr):
            problems.append(f"the rows are {str(rows)[:300]}")
        if (loaded, rejected) != (len(case.rows), len(case.rejected)) or (loaded, rejected) != (
            file.rows,
            file.rejected,
        ):
            problems.append(f"it counts {loaded} loaded and {rejected} rejected rows")
        if file.new_columns != case.new or (file.warnings and not case.warned):
            problems.append(f"new columns {file.new_columns}, warnings {file.warnings}")
        problems += _problems_of_rejects(case, rejects, self.zone / path)
        remarks = [
            f"line {line}, {column or 'row'}: {reason}" for line, column, reason, _ in rejects
        ]
        found = "; ".join([f"{loaded:,} loaded, {rejected} rejected", *remarks, *file.warnings])
        return Checked(case, found, problems)


def _problems_of_rejects(case: Case, rejects: list[Row], path: Path) -> Iterable[str]:
    if [reject[:2] for reject in rejects] != [reject[:2] for reject in case.rejected]:
        yield f"rejected are {[reject[:2] for reject in rejects]}"
    elif rejects:
        lines = lines_of(path.read_bytes().decode(case.settings.get("encoding", "utf-8")))
        for (line, _, reason, raw_text), (_, _, words) in zip(rejects, case.rejected, strict=True):
            if words not in reason:
                yield f"line {line}: the reason is {reason}"
            if raw_text != lines[line - 1].rstrip("\r\n"):
                yield f"line {line}: the raw text is {raw_text!r}"


def check_all(folder: Path, cases: Iterable[Case]) -> list[Checked]:
    """Loads all cases and compares what became of each with what must.

    Args:
        folder: An empty folder to work in.
        cases: The cases.

    Returns:
        What became of each.

    Raises:
        AssertionError: If a good file beside them was not loaded exactly.
    """

    def settings(case: Case) -> str:
        return repr(sorted(case.settings.items()))

    checked: list[Checked] = []
    for name, group in groupby(sorted(cases, key=settings), settings):
        alike = list(group)
        loaded = _Loaded(alike, folder / f"settings-{len(checked)}")
        assert not list(loaded.others()), f"good files beside the cases, {name}"
        checked += [loaded.check(case) for case in alike]
    return checked
