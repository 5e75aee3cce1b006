"""The lineage and the fingerprints of this project's models, as they are now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.build import artifacts
from ingestion.build.dbt import (
    Dbt,
    code_fingerprint,
    engine_version,
    project_variables,
)
from ingestion.build.environments import AUDIT
from ingestion.datasets import DATASETS, FILE_ID, MANIFEST, MANIFEST_COLUMNS, RAW
from ingestion.errors import MovielensError
from ingestion.home import make_home
from ingestion.lineage import cache
from ingestion.lineage.analysis import Analysis, digest
from ingestion.lineage.columns import analyse, made_by
from ingestion.lineage.fingerprints import Fingerprint, Project, Types, fingerprints
from ingestion.lineage.jinja import variables_in
from ingestion.lineage.models import Model
from ingestion.progress import silent
from ingestion.project import check_project
from ingestion.settings import Settings

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest
    from dbt.contracts.graph.nodes import Macro, ModelNode

# What dbt configures that has no effect on the rows, or is a part of a model of its own.
_NOT_CONFIG = {
    *("access", "alias", "contract", "database", "docs", "enabled", "event_time", "freshness"),
    *("full_refresh", "group", "materialized", "meta", "packages", "persist_docs", "post-hook"),
    *("pre-hook", "quoting", "schema", "static_analysis", "tags"),
}
# Materialisations that run a model's compiled SQL and nothing else.
_PLAIN = ("table", "view")
# dbt's macros that decide what a relation is called.
_NAMING = re.compile(r"generate_(schema|alias|database)_name$")


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """What the project's models compute.

    Attributes:
        analyses: Of each model, parents first: what computes its columns and its rows.
        fingerprints: Of each model.
        tests: A hash of the code of each data test and unit test.
        pages: The models that each page of the dashboard shows, by the page's name.
    """

    analyses: Mapping[str, Analysis]
    fingerprints: Mapping[str, Fingerprint]
    tests: Mapping[str, str]
    pages: Mapping[str, tuple[str, ...]]

    @property
    def digest(self) -> str:
        """Identifies what the models compute and the tests check, whatever they are written like.

        Returns:
            A hash.
        """
        models = sorted((name, of.value) for name, of in self.fingerprints.items())
        return digest(models, sorted(self.tests.items()))


def lineage_of(settings: Settings, sources: Types | None = None) -> Lineage:
    """Finds out what the project's models compute, without connecting to the warehouse.

    With the same code and sources as last time, the answer comes from a file in the home folder.

    Args:
        settings: The settings.
        sources: The columns of each source and their types; by default, those that loads and
            builds create.

    Raises:
        SettingsError: If there are no models, or dbt is not installed.
        MovielensError: If dbt cannot compile the project.
    """
    check_project(settings.project)
    sources = source_columns() if sources is None else sources
    folder = _folder(settings, sources)
    kept = cache.read(folder)
    if kept:
        return _from_json(kept)
    make_home(settings.home)
    before = cache.newest(folder.parent)
    manifest = Dbt(settings, silent, folder=folder, before=before).compile()
    engine = manifest.metadata.adapter_type or ""
    models = models_of(manifest)
    analyses = cache.read(before).get("analyses", {}) if before else {}
    project = Project(
        dialect=engine,
        engine=f"{engine} {engine_version(engine)}",
        sources=sources,
        variables=project_variables(settings),
    )
    found = analyse(models, dialect=engine, sources=sources, cache=analyses)
    taken = fingerprints(models, found, project)
    lineage = Lineage(
        analyses=found,
        fingerprints=taken,
        tests=_tests_of(manifest, project.variables),
        pages=_pages_of(manifest),
    )
    as_json = {name: fingerprint.to_json() for name, fingerprint in taken.items()}
    kept = {"analyses": analyses, "fingerprints": as_json}
    cache.write(folder, {**kept, "tests": lineage.tests, "pages": lineage.pages})
    return lineage


def parsed_in(settings: Settings) -> Path:
    """Returns the folder with dbt's manifest.json of the project, once `lineage_of` has been asked.

    Each version of the code has its own, so that a revert finds everything as it was.
    """
    return _folder(settings, source_columns())


def _folder(settings: Settings, sources: Types) -> Path:
    own = Path(__file__).read_text(encoding="utf-8")
    key = digest(made_by(), own, settings.target, code_fingerprint(settings), sources)
    return settings.home / "lineage" / settings.target / key


def _from_json(kept: Mapping[str, Any]) -> Lineage:
    analyses = {name: Analysis.from_json(each) for name, each in kept["analyses"].items()}
    taken = {name: Fingerprint.from_json(each) for name, each in kept["fingerprints"].items()}
    pages = {page: tuple(models) for page, models in kept["pages"].items()}
    return Lineage(analyses=analyses, fingerprints=taken, tests=kept["tests"], pages=pages)


def source_columns() -> dict[str, dict[str, str]]:
    """Returns the columns of each source, with their types, as loads and builds create them."""
    datasets = {
        f"{RAW}.{name}": {**{each.name: each.type for each in dataset.columns}, FILE_ID: "bigint"}
        for name, dataset in DATASETS.items()
    }
    of_reports = {
        f"{AUDIT}.{name}": dict(column.split(" ", 1) for column in columns.split(", "))
        for name, columns in artifacts.AUDIT_TABLES.items()
    }
    return {**datasets, f"{RAW}.{MANIFEST}": MANIFEST_COLUMNS, **of_reports}


# dbt's manifest as plain values.


def models_of(manifest: Manifest) -> list[Model]:
    """Returns the models of a compiled project.

    Raises:
        MovielensError: If a model reads something else than models and sources.
    """
    macros = _Macros(manifest)
    nodes: Iterable[Any] = manifest.nodes.values()
    names = {
        **{name: f"{source.schema}.{source.name}" for name, source in manifest.sources.items()},
        **{node.unique_id: str(node.name) for node in nodes if node.resource_type == "model"},
    }
    hooks = [node for node in nodes if node.resource_type == "operation"]
    called = [name for hook in hooks for name in hook.depends_on.macros]
    framework = {
        **{f"hook {hook.name}": hook.raw_code for hook in hooks},
        **macros.texts([*called, *macros.in_place_of_dbts()]),
    }
    model = partial(_model, names=names, macros=macros, framework=framework)
    return [model(node) for node in nodes if node.resource_type == "model"]


def _model(
    node: ModelNode, *, names: Mapping[str, str], macros: _Macros, framework: Mapping[str, str]
) -> Model:
    unknown = [parent for parent in node.depends_on.nodes if parent not in names]
    if unknown:
        raise MovielensError(
            f"{node.name} reads {', '.join(unknown)}: fingerprints only know models and sources",
            "load it into RAW, or write it as a model",
        )
    config = node.config.to_dict()
    hooks = {
        f"{when} {number}": hook["sql"]
        for when in ("pre-hook", "post-hook")
        for number, hook in enumerate(config[when], start=1)
    }
    plain = node.config.materialized in _PLAIN and not hooks
    return Model(
        name=node.name,
        relation=(node.schema, node.alias),
        sql=node.compiled_code or "",
        parents=tuple(names[parent] for parent in node.depends_on.nodes),
        source_code=node.raw_code,
        materialized=node.config.materialized,
        config={name: value for name, value in config.items() if name not in _NOT_CONFIG},
        contract=dict(_contract(node)) if node.contract.enforced else {},
        hooks=hooks,
        macros={} if plain else macros.texts(node.depends_on.macros),
        framework=framework,
    )


def _contract(node: ModelNode) -> Iterator[tuple[str, str]]:
    for column in node.columns.values():
        constraints = [constraint.to_dict() for constraint in column.constraints]
        yield column.name.lower(), f"{column.data_type} {constraints or ''}".strip()


# What of its configuration decides whether a test passes.
_OF_A_TEST = ("severity", "where", "limit", "fail_calc", "warn_if", "error_if", "enabled")
_OF_A_UNIT_TEST = ("model", "given", "expect", "overrides")


def _tests_of(manifest: Manifest, variables: Mapping[str, Any]) -> dict[str, str]:
    macros = _Macros(manifest)
    nodes: Iterable[Any] = manifest.nodes.values()
    data_tests = (node for node in nodes if node.resource_type == "test")
    found = {test.name: _code_of_test(test, macros, variables) for test in data_tests}
    for test in manifest.unit_tests.values():
        content = test.to_dict()
        found[test.name] = digest([content.get(name) for name in _OF_A_UNIT_TEST])
    return found


def _code_of_test(test: Any, macros: _Macros, variables: Mapping[str, Any]) -> str:
    config = test.config.to_dict()
    texts = macros.texts(test.depends_on.macros)
    read = variables_in([test.raw_code, *texts.values()], variables)
    return digest(
        engine_version("dbt-core"),
        test.raw_code,
        test.to_dict().get("test_metadata"),
        {name: config.get(name) for name in _OF_A_TEST},
        texts,
        {name: variables[name] for name in sorted(read)},
    )


def _pages_of(manifest: Manifest) -> dict[str, tuple[str, ...]]:
    names = {name: str(node.name) for name, node in manifest.nodes.items()}
    return {
        exposure.name.removeprefix("dashboard_"): tuple(
            names[parent] for parent in exposure.depends_on.nodes if parent in names
        )
        for exposure in manifest.exposures.values()
    }


class _Macros:
    """The project's own macros.

    Args:
        manifest: The project.
    """

    def __init__(self, manifest: Manifest) -> None:
        project = manifest.metadata.project_name
        every: Mapping[str, Macro] = manifest.macros
        self._own = {key: macro for key, macro in every.items() if macro.package_name == project}
        self._of_dbt = {macro.name for key, macro in every.items() if key not in self._own}
        self._engine = manifest.metadata.adapter_type

    def in_place_of_dbts(self) -> list[str]:
        """The macros that dbt calls in place of its own, which is in no model's dependencies."""
        return [key for key, macro in self._own.items() if self._replaces(macro.name)]

    def _replaces(self, name: str) -> bool:
        general = name.removeprefix(f"{self._engine}__").removeprefix("default__")
        of_dbt = name in self._of_dbt or general in self._of_dbt
        return of_dbt and _NAMING.search(name) is None

    def texts(self, called: Iterable[str]) -> dict[str, str]:
        """The text of macros and of all that they call; of dispatched ones, this engine's."""
        found: dict[str, str] = {}
        waiting = list(called)
        while waiting:
            macro = self._own.get(waiting.pop())
            if macro is not None and f"macro {macro.name}" not in found:
                found[f"macro {macro.name}"] = macro.macro_sql
                waiting += macro.depends_on.macros
        return dict(sorted(found.items()))
