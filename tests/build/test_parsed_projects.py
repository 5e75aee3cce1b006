"""What dbt has read is used again exactly where reading it again would give the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingestion.build import parsed as parsed_projects
from ingestion.build.dbt import Dbt
from ingestion.progress import silent
from ingestion.settings import Settings
from tests.support.checkout import copy_of_the_project

# When and by which invocation it was read.
OF_THE_READING = (
    "created_at",
    "generated_at",
    "invocation_id",
    "invocation_started_at",
    "run_started_at",
)


@pytest.fixture
def nothing_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsed_projects, "_parsed", type(parsed_projects._parsed)())


def read(folder: Path, **more: Any) -> tuple[dict[str, Any], bool]:
    """What a build in a new home goes by, and whether dbt has read the project for it."""
    settings = Settings(home=folder, _env_file=None, **more)
    settings.logs_dir.mkdir(parents=True)
    Dbt(settings, silent)
    artifact = json.loads((settings.dbt_dir / parsed_projects.FILE).read_text())
    return without_times(artifact), (settings.dbt_dir / "partial_parse.msgpack").exists()


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k not in OF_THE_READING}
    return [without_times(each) for each in value] if isinstance(value, list) else value


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_read")
def test_another_home_gets_what_dbt_would_read_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, by_dbt = read(tmp_path / "first")
    assert by_dbt
    again, by_dbt = read(tmp_path / "again")
    assert not by_dbt
    assert again == first
    # Of all that profiles.yml takes from the environment, nothing but the database gets into it.
    for name in ("ACCOUNT", "USER", "ROLE", "WAREHOUSE", "HOST", "DATABASE"):
        monkeypatch.setenv(f"SNOWFLAKE_{name}", "other")
    monkeypatch.setattr(parsed_projects, "_parsed", type(parsed_projects._parsed)())
    anew, by_dbt = read(tmp_path / "anew")
    assert by_dbt
    assert anew == first


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_read")
def test_other_code_and_another_database_are_read_anew(tmp_path: Path) -> None:
    project = copy_of_the_project(tmp_path / "project")
    before, _ = read(tmp_path / "first", project=project)
    macros = project / "macros" / "titles.sql"
    macros.write_text(macros.read_text() + "{% macro one_more() %}{% endmacro %}\n")
    other, by_dbt = read(tmp_path / "second", project=project)
    assert by_dbt
    assert other["macros"].keys() - before["macros"].keys() == {"macro.movielens.one_more"}
    elsewhere, by_dbt = read(tmp_path / "third", project=project, warehouse=tmp_path / "x.duckdb")
    assert by_dbt
    assert {node["database"] for node in elsewhere["nodes"].values()} == {"x"}


@pytest.mark.slow
def test_what_a_build_does_to_it_stays_in_that_build(home: Path) -> None:
    settings = Settings(home=home, _env_file=None)

    def compiled(dbt: Dbt) -> list[str]:
        return [
            node.name
            for node in dbt._parsed.nodes.values()
            if node.resource_type == "model" and getattr(node, "compiled", False)
        ]

    dbt = Dbt(settings, silent)
    assert compiled(dbt) == []
    dbt.build(["src_files"], "--exclude-resource-type", "test", "unit_test")
    assert "src_files" in compiled(dbt)
    assert compiled(Dbt(settings, silent)) == []
