"""The yml files match what is built, and say enough."""

import re
from pathlib import Path

import pytest
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import ModelNode

from dashboard import marts, queries
from dashboard.contents import PAGES
from ingestion.build.lineage import source_columns
from ingestion.datasets import RAW
from tests.support import audits_page
from tests.support.raw_by_hand import PROJECT, Warehouse

LAYERS = ("src", "dim", "fct", "mart")


def models_of(project: Manifest) -> list[ModelNode]:
    """The models of the project."""
    return [node for node in project.nodes.values() if isinstance(node, ModelNode)]


def test_a_model_is_in_the_folder_of_its_layer(parsed_project: Manifest) -> None:
    for model in models_of(parsed_project):
        layer = model.original_file_path.split("/")[1]
        assert layer in LAYERS
        assert model.name.startswith(f"{layer}_")


def test_a_description_opens_with_the_grain(parsed_project: Manifest) -> None:
    openings = {
        model.name: model.description.split(".")[0]
        for model in models_of(parsed_project)
        if not re.match(r"One row( per |: )", model.description)
    }
    assert openings == {}


@pytest.mark.parametrize("kind", ["models", "tests"])
def test_each_thing_that_readers_see_is_described(parsed_project: Manifest, kind: str) -> None:
    if kind == "models":
        missing = [
            f"{model.name}.{column.name}"
            for model in models_of(parsed_project)
            for column in model.columns.values()
            if not column.description
        ]
    else:
        tests = [node for node in parsed_project.nodes.values() if node.name[:7] == "assert_"]
        assert tests
        missing = [test.name for test in tests if not test.description]
    assert missing == []


def test_the_page_of_audits_is_that_of_the_tests(parsed_project: Manifest, tmp_path: Path) -> None:
    parsed_project.write(str(tmp_path / "manifest.json"))
    assert audits_page.PAGE.read_text() == audits_page.page(tmp_path), "run make audits"


def test_the_columns_described_are_the_columns_built(
    warehouse: Warehouse, parsed_project: Manifest
) -> None:
    warehouse.dbt("run")
    built: dict[object, list[object]] = {}
    for table, column in warehouse.query(
        "select table_name, column_name from information_schema.columns"
        " where table_schema in ('analytics', 'marts_candidate') and table_name not like '\\_%'"
        " escape '\\' order by table_name, ordinal_position"
    ):
        built.setdefault(table, []).append(column)
    described = {model.name: set(model.columns) for model in models_of(parsed_project)}
    assert {table: set(columns) for table, columns in built.items()} == described


def test_the_columns_described_of_raw_are_those_that_a_load_makes(parsed_project: Manifest) -> None:
    described = {
        f"{source.schema}.{source.name}": set(source.columns)
        for source in parsed_project.sources.values()
        if source.schema == RAW
    }
    columns = source_columns()
    assert described == {name: set(columns[name]) for name in columns if name.startswith(f"{RAW}.")}


def marts_read_by(page: str) -> set[str]:
    """The marts that a page of the dashboard reads, by its own text and by the contents."""
    script = (PROJECT / "dashboard" / "app_pages" / f"{page}.py").read_text(encoding="utf-8")
    sent = {getattr(queries, name) for name in re.findall(r"queries\.([A-Z_]+)", script)}
    told = {s for answer in PAGES[page].questions.values() for s in answer.statements}
    return {mart for each in {queries.STATUS} | sent | told for mart in marts.marts_named(each)}


def test_each_page_of_the_dashboard_is_an_exposure_of_what_it_reads(
    parsed_project: Manifest,
) -> None:
    declared = {
        exposure.name: {node.split(".")[-1] for node in exposure.depends_on.nodes}
        for exposure in parsed_project.exposures.values()
    }
    assert declared == {f"dashboard_{page}": marts_read_by(page) for page in PAGES}


def test_no_mart_names_a_person(parsed_project: Manifest) -> None:
    marts = [model for model in models_of(parsed_project) if model.name.startswith("mart_")]
    assert [mart.name for mart in marts if "user_id" in mart.columns] == []
