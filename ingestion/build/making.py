"""One build in the making: dbt builds and tests, and what it found becomes the reports."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestion.build import artifacts, release
from ingestion.build.artifacts import TestResult
from ingestion.build.audit import raise_failures
from ingestion.build.dbt import Dbt, Relation
from ingestion.build.environments import AUDIT, STORE
from ingestion.build.lineage import Lineage, lineage_of
from ingestion.build.release import Finding, Judgement, Landing, Seen, StatedCount
from ingestion.build.together import check_contracts, run_together
from ingestion.datasets import RAW
from ingestion.lineage.analysis import digest
from ingestion.progress import Event, OnEvent, silent
from ingestion.project import is_shipped, version
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse, columns_in
from ingestion.warehouse.lease import Lease


@dataclass(frozen=True)
class BuildReport:
    """What one build did.

    Attributes:
        version: The version under which the candidate is published.
        built: False if there was nothing to do.
        seconds: Wall time.
        models: Models built.
        tests_passed: Data tests and unit tests that passed, of those that the version counts.
        tests_of_reports: Tests that passed of the marts that report on the build, results of the
            other tests among them: these marts cannot count their own.
        tests_warned: Tests that only warn, and did, in this build or when last run.
        warnings: Their names and row counts.
        node_seconds: Seconds of each model and test, such as `model.fct_ratings`.
        models_kept: Models skipped because their inputs are unchanged.
        tests_kept: Tests skipped for the same reason.
        rebuilt: Facts rebuilt from all current rows, and why.
        readme: The README's counts compared with the candidate's.
        release: Failed plausibility checks that were accepted or only reported.
    """

    version: str
    built: bool
    seconds: float
    models: int = 0
    tests_passed: int = 0
    tests_of_reports: int = 0
    tests_warned: int = 0
    warnings: list[str] = field(default_factory=list)
    node_seconds: dict[str, float] = field(default_factory=dict)
    models_kept: int = 0
    tests_kept: int = 0
    rebuilt: dict[str, str] = field(default_factory=dict)
    readme: list[StatedCount] = field(default_factory=list)
    release: list[Finding] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to build.

    Attributes:
        settings: The settings.
        lease: The warehouse's lease.
        fingerprint: Identifies it: file versions and code.
        landing: What the build reports about the landing zone.
        seen: Returns what readers see, to compare the release with; None for no comparison.
        accept_release: Accept a release that fails its plausibility checks.
        refuses: Whether a release that fails them is refused, rather than only reported.
        on_event: Called for each model and test.
    """

    settings: Settings
    lease: Lease
    fingerprint: str
    landing: Landing = field(default_factory=Landing)
    seen: Callable[[], Seen] | None = None
    accept_release: bool = False
    refuses: bool = True
    on_event: OnEvent = silent

    @property
    def target(self) -> Warehouse:
        """The warehouse."""
        return self.lease.target


class Making:
    """One build in the making.

    Args:
        job: What to build.
        variables: Vars in place of those of dbt_project.yml.
        folder: dbt's target folder, if not the home's.

    Attributes:
        now: When it began, UTC.
        version: The version under which its marts are published.
        project: The parsed project.
        lineage: What its models compute.
        tests: The results of all tests that decide whether it is published.
        judged: What was found about the release.
    """

    def __init__(
        self, job: Job, variables: Mapping[str, Any] | None = None, folder: Path | None = None
    ) -> None:
        self._job = job
        self._dbt = Dbt(job.settings, job.on_event, variables=variables, folder=folder)
        self.project = artifacts.Project(folder or job.settings.dbt_dir)
        self.lineage: Lineage = lineage_of(job.settings)
        self.now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        self.version = f"{self.now:%Y%m%dT%H%M%SZ}-{job.fingerprint[:8]}"
        self.tests: dict[str, TestResult] = {}
        self.judged = Judgement()
        self._relations: dict[str, Relation] = {}
        self._checked: Collection[str] = ()
        self._ran: list[Any] = []
        self._kept = 0

    def audit(
        self,
        relations: Mapping[str, Relation],
        nodes: Iterable[str] | None,
        kept: list[TestResult],
        checked: Collection[str] = (),
        there: Collection[str] = (),
        store: Mapping[str, bool] | None = None,
    ) -> None:
        """Builds and tests all but the reports, judges the release, and then builds the reports.

        Args:
            relations: Where each model is built, and each table `audit.*` that the reports read;
                by default these are in the store, named after what they hold.
            nodes: The models and tests to run; None for all.
            kept: The results of tests that are not run again.
            checked: Models whose contract need not be checked again.
            there: The tables of earlier builds, which this one may share.
            store: What is in the store, and whether it is a view; None to let dbt ask.

        Raises:
            AuditFailure: If a test failed.
            ReleaseRefused: If the release is implausible.
            MovielensError: If a model could not be built.
            BusyError: If another run has taken the lease.
        """
        job = self._job
        self._relations, self._checked = dict(relations), checked
        # dbt checks each contract on its own; where that costs, `_results` checks them together.
        self._dbt.place(relations, relations if job.target.is_metered else checked)
        if store is not None and job.target.is_metered:
            kinds = {name: "view" if is_view else "table" for name, is_view in store.items()}
            self._dbt.know(relations={STORE: kinds})
        self._build_and_test(nodes)
        run = self.project.test_results(self._ran)
        self._kept = len(kept)
        self.tests = {result.test_name: result for result in (*kept, *run)}
        if job.seen is not None:
            self.judged = release.judge(
                job.settings,
                release.count(job.target, self._named),
                job.landing,
                job.seen(),
                accept=job.accept_release,
                refuses=job.refuses,
            )
        self._record(there)
        self._run([f"tag:{artifacts.REPORT_TAG}"], self._unit_tests(of_reports=True))

    def _unit_tests(self, *, of_reports: bool) -> set[str]:
        return {
            test.name
            for test in self.project.tests
            if test.kind == "unit test" and (test.table in self.project.reports) == of_reports
        }

    def _build_and_test(self, nodes: Iterable[str] | None) -> None:
        rest = ("--exclude", f"tag:{artifacts.REPORT_TAG}+")
        unit_tests = self._unit_tests(of_reports=False)
        if nodes is None:
            self._run([], unit_tests, *rest)
        elif names := list(nodes):
            # Each test is named, so none is to be selected with the models that it tests.
            named = unit_tests.intersection(names)
            self._run(names, named, "--indirect-selection", "empty", *rest)

    def _run(self, selected: list[str], unit_tests: Collection[str], *options: str) -> None:
        for results in self._results(selected, unit_tests, *options):
            raise_failures(self._job.settings, self._job.target, self.project, results)
            self._ran += results

    def _results(
        self, selected: list[str], unit_tests: Collection[str], *options: str
    ) -> list[list[Any]]:
        target = self._job.target
        if not target.is_metered:
            return [self._dbt.build(selected, *options)]
        no_tests = ("--exclude-resource-type", "test", "--exclude-resource-type", "unit_test")
        built = self._dbt.build(selected, *options, *no_tests)
        check_contracts(target, [result for result in built if self._promises(result)])
        units = self._run_unit_tests(unit_tests, _failed(built))
        tests = [
            test
            for test in self._dbt.data_tests(selected, *options)
            if not _failed(built) & set(test.depends_on.nodes)
        ]
        self._job.on_event(Event("audit", f"{len(tests)} data tests", len(tests), len(tests)))
        # Tests first: what one found may be what broke a model behind it.
        return [[*units, *run_together(target, tests, self._alone)], built]

    def _promises(self, result: Any) -> bool:
        """Whether a model has a contract that was not checked before."""
        node = result.node
        return _is_model(result) and node.contract.enforced and node.name not in self._checked

    def _run_unit_tests(self, names: Collection[str], failed: set[str]) -> list[Any]:
        """Runs unit tests, but those that stand in for a table that is not there."""
        every: Iterable[Any] = self._dbt.manifest.unit_tests.values()
        chosen = [
            test.name
            for test in every
            if test.name in names and not failed & set(test.depends_on.nodes)
        ]
        if not chosen:
            return []
        schemas = {schema for schema, _ in self._relations.values()} | {RAW}
        with self._job.target.connect() as connection:
            found = columns_in(connection, schemas)
        columns = {".".join(relation): types for relation, types in found.items()}
        nodes: Iterable[Any] = self._dbt.manifest.nodes.values()
        columns |= {
            node.unique_id: found[node.schema, node.alias]
            for node in nodes
            if (node.schema, node.alias) in found
        }
        self._dbt.know(columns=columns)
        return self._dbt.unit_tests(chosen)

    def _alone(self, tests: list[str]) -> list[Any]:
        return self._dbt.build(tests, "--indirect-selection", "empty")

    def _named(self, table: str) -> str:
        return ".".join(self._relations[table])

    def _record(self, there: Collection[str]) -> None:
        """Records the build, for the marts that report on it."""
        job, tests = self._job, self.tests.values()
        build = (
            self.version,
            _git_sha(job.settings.project),
            self.now,
            *(_count(tests, status) for status in ("pass", "warn")),
            0,
            job.fingerprint,
            job.landing.source,
        )
        rows: dict[str, Iterable[tuple[Any, ...]]] = {
            "builds": [build],
            "test_results": tests,
            "tested_tables": self.project.tested_tables(),
            "model_columns": self.project.columns(self._types()),
            "model_edges": self.project.edges(),
            "column_edges": artifacts.column_edges(self.lineage.analyses),
            **release.rows(job.landing, self.judged),
        }
        job.lease.renew()
        for name, columns in artifacts.AUDIT_TABLES.items():
            content = list(rows[name])
            in_store = (STORE, f"{AUDIT}_{name}__{digest(columns, content)}")
            relation = self._relations.setdefault(f"{AUDIT}.{name}", in_store)
            if relation[1] not in there:
                job.target.replace_table(*relation, columns, content)
        self._dbt.place(self.audit_tables)

    @property
    def audit_tables(self) -> dict[str, Relation]:
        """Where the tables `audit.*` are that the reports read."""
        tables = [f"{AUDIT}.{name}" for name in artifacts.AUDIT_TABLES]
        return {table: self._relations[table] for table in tables}

    def _types(self) -> dict[tuple[str, str], str]:
        """The type of each column in the warehouse, by model or source."""
        of_relation = {relation: name for name, relation in self._relations.items()}
        schemas = {schema for schema, _ in of_relation} | {RAW}
        rows = self._job.target.fetch(
            "select lower(table_schema), lower(table_name), lower(column_name), lower(data_type) "
            "from information_schema.columns where lower(table_schema) in "
            f"({', '.join(map(self._job.target.literal, sorted(schemas)))})"
        )
        return {
            (of_relation.get((schema, table), f"{schema}.{table}"), column): type_
            for schema, table, column, type_ in rows
        }

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds that each model took which was built, by name."""
        return {r.node.name: r.execution_time for r in self._ran if _is_model(r)}

    def report(self, seconds: float, rebuilt: Mapping[str, str] | None = None) -> BuildReport:
        """Reports on it.

        Args:
            seconds: Wall time.
            rebuilt: Facts built from all current rows though they were built before, and why.
        """
        models = sum(map(_is_model, self._ran))
        run = self.project.test_results(self._ran)
        counted = [test for test in run if test.test_name in self.tests]
        warned = [t for t in (*run, *self.tests.values()) if t.status == "warn"]
        warnings = {test.test_name: f"{test.test_name}: {test.failures} rows" for test in warned}
        return BuildReport(
            version=self.version,
            built=True,
            seconds=seconds,
            models=models,
            tests_passed=_count(counted, "pass"),
            tests_of_reports=_count(run, "pass") - _count(counted, "pass"),
            tests_warned=len(warnings),
            warnings=list(warnings.values()),
            node_seconds={
                f"{r.node.resource_type}.{r.node.name}": round(r.execution_time, 3)
                for r in self._ran
            },
            models_kept=len(self.project.layers) - models,
            tests_kept=self._kept,
            rebuilt=dict(rebuilt or {}),
            readme=self.judged.stated,
            release=self.judged.findings,
        )


def _is_model(result: Any) -> bool:
    return str(result.node.resource_type) == "model"


def _failed(results: Iterable[Any]) -> set[str]:
    """The ids of nodes that are not there because they, or what they read, failed."""
    return {r.node.unique_id for r in results if str(r.status) in ("error", "fail", "skipped")}


def _count(tests: Iterable[TestResult], status: str) -> int:
    return sum(test.status == status for test in tests)


def _git_sha(project: Path) -> str:
    """The commit of a project; the installed package's is its version, whatever is around it."""
    if is_shipped(project):
        return f"v{version()}"
    command = ["git", "-C", str(project), "rev-parse", "--short=12", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
