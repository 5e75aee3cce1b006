"""dbt in this process, on a warehouse whose RAW is written by hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dbt.contracts.graph.manifest import Manifest

from ingestion.build.dbt import Dbt
from ingestion.progress import silent
from ingestion.settings import Settings
from tests.support.raw_by_hand import Warehouse


@pytest.fixture(scope="session")
def dbt_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep whatever dbt writes out of the project."""
    folder = tmp_path_factory.mktemp("dbt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DBT_TARGET_PATH", str(folder / "target"))
        patch.setenv("DBT_LOG_PATH", str(folder / "logs"))
        patch.setenv("MOVIELENS_TARGET", "dev")
        yield folder


@pytest.fixture(scope="session")
def parsed_project(dbt_folder: Path) -> Manifest:
    """The project as dbt parses it, once for all tests; those that build find it parsed, too."""
    settings = Settings(home=dbt_folder / "home", _env_file=None)
    settings.logs_dir.mkdir(parents=True)
    parsed = Dbt(settings, silent)._parsed
    assert isinstance(parsed, Manifest)
    return parsed


@pytest.fixture
def warehouse(
    tmp_path: Path, parsed_project: Manifest, monkeypatch: pytest.MonkeyPatch
) -> Warehouse:
    """An empty warehouse, which dbt uses as long as the test runs."""
    path = tmp_path / "warehouse.duckdb"
    monkeypatch.setenv("MOVIELENS_WAREHOUSE", str(path))
    return Warehouse(path, parsed_project)
