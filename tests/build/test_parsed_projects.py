"""What dbt has read is used again exactly where reading it again would give the same."""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ingestion.build import parsed as parsed_projects
from ingestion.build.dbt import Dbt
from ingestion.build.lineage import lineage_of, parsed_in
from ingestion.errors import MovielensError
from ingestion.progress import silent
from ingestion.settings import Settings
from tests.support.checkout import copy_of_the_project
from tests.support.samples import samples

# When and by which invocation it was read.
OF_THE_READING = (
    "created_at",
    "generated_at",
    "invocation_id",
    "invocation_started_at",
    "run_started_at",
)


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empties the cache of this process, as in a new one."""
    monkeypatch.setattr(parsed_projects, "_parsed", OrderedDict())


@pytest.fixture
def nothing_read(monkeypatch: pytest.MonkeyPatch) -> None:
    forget(monkeypatch)


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
    forget(monkeypatch)
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


def edited(model: str, sql: str, kind: int) -> str:
    """A model's SQL with one more comment, tag or upstream."""
    upstream = "dim_movies" if model.startswith(("fct_", "mart_")) else "src_files"
    return [
        f"{sql}-- and so on\n",
        f"{{{{ config(tags=['edited']) }}}}\n{sql}",
        f"{sql}-- depends on {{{{ ref('{upstream}') }}}}\n",
    ][kind % 3]


@pytest.mark.slow
def test_after_edits_of_models_dbt_knows_what_a_new_home_would_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dbt parses only the edited models and their dependents."""
    project = copy_of_the_project(tmp_path / "project")
    upstream = project / "models" / "src" / "src_files.sql"
    models = sorted({*(project / "models").rglob("*.sql")} - {upstream})
    settings = Settings(home=tmp_path / "home", project=project, _env_file=None)

    def known() -> dict[str, Any]:
        forget(monkeypatch)
        lineage_of(settings)
        return without_times(json.loads((parsed_in(settings) / parsed_projects.FILE).read_text()))

    before = known()
    for n, path in enumerate(Random(0).sample(models, samples(8, nightly=len(models)))):
        sql = path.read_text()
        if n == 1:
            path.write_text(sql + "{% if %}")
            with pytest.raises(MovielensError, match=path.stem):
                known()
        path.write_text(edited(path.stem, sql, n))
        after = known()
    forget(monkeypatch)
    in_a_new_home, _ = read(tmp_path / "new-home", project=project)
    assert after == in_a_new_home
    assert after != before


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
