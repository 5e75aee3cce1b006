"""What a build reports about the project, from the manifest that dbt writes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from tests.support.reference.landing import Rows

Node = Mapping[str, Any]


def _tables(manifest: Node) -> dict[str, Node]:
    """The models, and the sources that are loaded."""
    models = (n for n in manifest["nodes"].values() if n["resource_type"] == "model")
    loaded = (n for n in manifest["sources"].values() if n["source_name"] == "raw")
    return {node["unique_id"]: node for node in (*models, *loaded)}


def _named(table: Node) -> tuple[str, str]:
    """Its name and its layer, which is the folder of a model."""
    if table["resource_type"] == "source":
        return f"raw.{table['name']}", "raw"
    return table["name"], table["original_file_path"].split("/")[1]


def lineage(manifest: Node) -> Rows:
    """One row per table that a model reads."""
    tables = _tables(manifest)
    rows = []
    for table in tables.values():
        for parent in table.get("depends_on", {}).get("nodes", ()):
            if parent in tables:
                (one, its_layer), (other, layer) = _named(tables[parent]), _named(table)
                rows.append(
                    {
                        "from_name": one,
                        "from_layer": its_layer,
                        "to_name": other,
                        "to_layer": layer,
                    }
                )
    return rows


def dictionary(manifest: Node, types: Mapping[tuple[str, str], str]) -> Rows:
    """One row per column that the project describes.

    Args:
        manifest: dbt's.
        types: The type of each column of each table, as the database has it.
    """
    asked = _asked(manifest)
    rows = []
    for unique_id, table in _tables(manifest).items():
        name, layer = _named(table)
        for position, column in enumerate(table["columns"].values(), start=1):
            rows.append(
                {
                    "table_name": name,
                    "layer": layer,
                    "position": position,
                    "column_name": column["name"],
                    "data_type": types.get((name, column["name"])),
                    "description": column["description"],
                    "tests": ", ".join(sorted(asked[unique_id, column["name"]])),
                }
            )
    return rows


def _asked(manifest: Node) -> dict[tuple[str, str], set[str]]:
    """The names of what tests ask of each column of each table."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test" and node.get("attached_node"):
            for column, asked in _asked_by(node):
                found[node["attached_node"], column].add(asked)
    return found


def _asked_by(test: Node) -> Iterator[tuple[str, str]]:
    name, arguments = test["test_metadata"]["name"], test["test_metadata"]["kwargs"]
    if test["column_name"]:
        yield test["column_name"], name
    elif name == "valid_columns":
        for asked in ("not_null", "in_range"):
            yield from ((column, asked) for column in arguments.get(asked, ()))


def tested_tables(manifest: Node) -> Rows:
    """One row per test and table that it reads."""
    tables = _tables(manifest)
    unit_tests = manifest["unit_tests"].values()
    data_tests = [n for n in manifest["nodes"].values() if n["resource_type"] == "test"]
    rows = []
    for test in (*data_tests, *unit_tests):
        read = [tables[name] for name in test["depends_on"]["nodes"] if name in tables]
        about = tables.get(test.get("attached_node") or test.get("tested_node_unique_id"), read[-1])
        for name, layer in {_named(table) for table in (*read, about)}:
            rows.append(
                {
                    "test_name": test["name"],
                    "model_name": _named(about)[0],
                    "table_name": name,
                    "layer": layer,
                }
            )
    return rows


def tests(manifest: Node) -> set[str]:
    """The names of all tests, unit tests included."""
    data_tests = (n for n in manifest["nodes"].values() if n["resource_type"] == "test")
    return {node["name"] for node in (*data_tests, *manifest["unit_tests"].values())}
