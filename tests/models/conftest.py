"""dbt in this process, on a warehouse whose RAW is written by hand."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest

from tests.support.raw_by_hand import Warehouse, dbt_options


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
    """The project as dbt parses it, once for all tests."""
    parsed = dbtRunner().invoke(["parse", *dbt_options()])
    assert isinstance(parsed.result, Manifest), parsed.exception
    return parsed.result


@pytest.fixture
def warehouse(
    tmp_path: Path, parsed_project: Manifest, monkeypatch: pytest.MonkeyPatch
) -> Warehouse:
    """An empty warehouse, which dbt uses as long as the test runs."""
    path = tmp_path / "warehouse.duckdb"
    monkeypatch.setenv("MOVIELENS_WAREHOUSE", str(path))
    return Warehouse(path, parsed_project)
