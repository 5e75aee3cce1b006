"""Builds the facts of the ratings alone, for tests that need nothing made from them."""

from __future__ import annotations

from ingestion.build.dbt import Dbt
from ingestion.progress import silent
from ingestion.settings import Settings


def build_facts(settings: Settings) -> None:
    """Builds what is behind the ratings' facts, without the marts and without tests."""
    settings.logs_dir.mkdir(exist_ok=True)
    without = ("--exclude-resource-type", "test", "unit_test")
    results = Dbt(settings, silent).build(["+fct_ratings"], *without)
    assert {str(result.status) for result in results} == {"success"}
