"""A warehouse that dbt builds load after load, with an edited macro or model.

warehouse = Warehouse(settings, folder, source_columns())
warehouse.build_loads("macro.movielens.touched_keys", text)
failing = warehouse.failing_unit_tests("fct_tags", sql)
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from ingestion.build.artifacts import SNAPSHOT
from ingestion.build.dbt import Dbt
from ingestion.build.environments import AUDIT
from ingestion.datasets import RAW
from ingestion.errors import MovielensError
from ingestion.progress import silent
from ingestion.settings import Settings
from tests.support.rebuilding import DoesNotRun, invent_reports, macro_edited

# The manifest with the files of all loads.
_ALL_FILES = "to_come._files"


class Warehouse:
    """A warehouse as it was after the first load, all of it built.

    Args:
        settings: Name the warehouse in which all has been loaded.
        folder: A folder for this one.
        sources: The columns of each source.

    Attributes:
        file: The database.
        facts: The incremental models.
    """

    def __init__(
        self, settings: Settings, folder: Path, sources: Mapping[str, Mapping[str, str]]
    ) -> None:
        folder.mkdir()
        loaded, settings = settings.warehouse_file, settings.model_copy(update={"home": folder})
        self.file = settings.warehouse_file
        self._after_first_load = folder / "first.duckdb"
        shutil.copy2(loaded, self.file)
        with duckdb.connect(str(self.file)) as connection:
            invent_reports(connection, sources)
            connection.execute(
                f"create schema to_come; create table {_ALL_FILES} as from raw._files"
            )
            loads = f"select max(file_id) from {_ALL_FILES} group by load_id order by 1"
            self._last_files = [last for (last,) in connection.execute(loads).fetchall()]
        self._dbt = Dbt(settings, silent)
        nodes: Any = self._dbt.manifest.nodes
        self._models = {n.name: n for n in nodes.values() if n.resource_type == "model"}
        self.facts = sorted(
            name
            for name, model in self._models.items()
            if model.config.materialized == "incremental"
        )
        self._reach(self._last_files[0])
        self._build([])
        shutil.copy2(self.file, self._after_first_load)

    def relation(self, fact: str) -> str:
        """Where in the database a fact is."""
        return f"{self._models[fact].schema}.{fact}"

    def build_loads(self, of: str, text: str) -> None:
        """Builds the facts on after the second load, and after the last, after an edit.

        Args:
            of: The macro or model that is edited.
            text: What it is then; of a model, its compiled SQL.

        Raises:
            DoesNotRun: If that fails.
        """
        shutil.copy2(self._after_first_load, self.file)
        with self._edited(of, text):
            for last_file in (self._last_files[1], self._last_files[-1]):
                self._reach(last_file)
                self._build([SNAPSHOT, *self.facts])

    def _reach(self, last_file: int) -> None:
        """Has the files of further loads count."""
        with duckdb.connect(str(self.file)) as connection:
            connection.execute(
                f"delete from {RAW}._files;"
                f" insert into {RAW}._files from {_ALL_FILES} where file_id <= {last_file}"
            )

    def _build(self, selected: Collection[str]) -> None:
        try:
            results = self._dbt.build(selected, "--resource-type", "model")
        except MovielensError as error:
            raise DoesNotRun(str(error)) from None
        failed = [result.node.name for result in results if str(result.status) != "success"]
        if failed:
            raise DoesNotRun(f"dbt cannot build {', '.join(failed)}")

    def failing_unit_tests(self, of: str, text: str) -> list[str]:
        """The unit tests that fail after an edit.

        Args:
            of: The macro or model that is edited.
            text: What it is then; of a model, its compiled SQL.
        """
        tested = {test.model for test in self._dbt.manifest.unit_tests.values()}
        selected = sorted(tested & {of} if of in self._models else tested)
        if not selected:
            return []
        shutil.copy2(self._after_first_load, self.file)
        # dbt runs unit tests only before it builds the model.
        kinds = ("--resource-type", "model", "--resource-type", "unit_test")
        with self._edited(of, text):
            results = self._dbt.build(selected, *kinds)
        tests = [result for result in results if result.node.resource_type == "unit_test"]
        return sorted(result.node.name for result in tests if str(result.status) != "pass")

    @contextmanager
    def _edited(self, of: str, text: str) -> Iterator[None]:
        if of not in self._models:
            with macro_edited(self._dbt.manifest, of, text):
                yield
            return
        model = self._models[of]
        before, model.raw_code = model.raw_code, with_references(text)
        try:
            yield
        finally:
            model.raw_code = before


def with_references(sql: str) -> str:
    """Compiled SQL as a model's file would have it."""
    return re.sub(r'"warehouse"\."(\w+)"\."(\w+)"', _reference, sql)


def _reference(found: re.Match[str]) -> str:
    schema, name = found.groups()
    if schema in (RAW, AUDIT):
        return f"{{{{ source('{schema}', '{name}') }}}}"
    return f"{{{{ ref('{name}') }}}}"
