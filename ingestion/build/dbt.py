"""Runs dbt in this process: quietly, in one environment, writing files only to the home folder."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingestion.build.parsed import ProjectKey, recall, remember
from ingestion.engine import engine_of
from ingestion.errors import MovielensError, SettingsError
from ingestion.progress import Event, OnEvent
from ingestion.project import FILE
from ingestion.settings import Settings
from ingestion.signals import interruption

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

Relation = tuple[str, str]
"""A schema, and a name in it."""

# Everything but the data that determines what a build computes.
CODE = (FILE, "models", "macros", "tests/data")
_OFFLINE = ("--no-introspect", "--no-populate-cache", "--no-write-json")


def code_fingerprint(settings: Settings) -> str:
    """Identifies the models, macros and data tests, and the engine that runs them.

    Returns:
        A SHA-256 hex digest.
    """
    return _fingerprint(settings, with_model_sql=True)


def _fingerprint(settings: Settings, *, with_model_sql: bool) -> str:
    """Hashes the names and text of all files; of models' SQL, perhaps only the names."""
    digest = hashlib.sha256()
    for package in ("dbt-core", *engine_of(settings).packages):
        digest.update(f"{package} {_version(package)}\n".encode())
    for name in CODE:
        root = settings.project / name
        files = sorted(root.rglob("*")) if root.is_dir() else [root]
        for file in files:
            if file.suffix in (".sql", ".yml", ".md"):
                digest.update(str(file.relative_to(settings.project)).encode())
                if with_model_sql or name != "models" or file.suffix != ".sql":
                    digest.update(file.read_bytes())
    return digest.hexdigest()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "none"


def engine_version(engine: str) -> str:
    """Returns an engine's version if it is an installed package, which Snowflake is not.

    Args:
        engine: Its name, as dbt calls the adapter.

    Returns:
        The version, or the name.
    """
    try:
        return metadata.version(engine)
    except metadata.PackageNotFoundError:
        return engine


def project_variables(settings: Settings) -> dict[str, Any]:
    """Returns the vars of dbt_project.yml."""
    import yaml

    project = yaml.safe_load((settings.project / FILE).read_text())
    return dict(project.get("vars") or {})


class Dbt:
    """dbt: parses the project once, builds any part of it, any number of times.

    Args:
        settings: The settings.
        on_event: Called for each model and test.
        variables: Vars in place of those of dbt_project.yml; other ones make dbt parse again.
        folder: dbt's target folder, if not the home's; one for each set of variables.
        before: The target folder of an earlier version of the code; dbt then parses only what
            was edited since.

    Raises:
        SettingsError: If dbt is not installed.
        MovielensError: If dbt cannot parse the project.
    """

    def __init__(
        self,
        settings: Settings,
        on_event: OnEvent,
        *,
        variables: Mapping[str, Any] | None = None,
        folder: Path | None = None,
        before: Path | None = None,
    ) -> None:
        self._settings = settings
        self._variables = dict(variables or {})
        self._on_event = on_event
        self._folder = folder or settings.dbt_dir
        self._parsed: Any = None
        self._known: dict[str, Mapping[str, Any]] = {}
        folder = self._folder
        key = _project_key(settings, self._variables)
        # Both ways write manifest.json, which `artifacts` reads.
        self._parsed = recall(key, folder)
        if self._parsed is None:
            if before is not None:
                _start_from(before, folder)
            _forget_other_code(settings, folder)
            self._parsed = self._invoke("parse")
            remember(key, self._parsed, folder)

    @property
    def manifest(self) -> Manifest:
        """The project as dbt parsed it."""
        parsed: Manifest = self._parsed
        return parsed

    def place(self, relations: Mapping[str, Relation], checked: Collection[str] = ()) -> None:
        """Sets where models are built, and where sources are read.

        dbt has no public way to do so but macros, which cannot know fingerprints: these are the
        fields of dbt 1.11's manifest from which `ref`, `source` and `this` take their names.

        Args:
            relations: Schema and name of each model, and of sources such as `audit.builds`.
            checked: Models whose contract dbt need not check, where that takes a statement.
        """
        for node in self._parsed.nodes.values():
            if node.resource_type == "model" and node.name in relations:
                node.schema, node.alias = relations[node.name]
                node.relation_name = None
                node.config.meta["contract_checked"] = node.name in checked
        for source in self._parsed.sources.values():
            name = f"{source.source_name}.{source.name}"
            if name in relations:
                source.schema, source.identifier = relations[name]

    def build(self, selected: Collection[str], *options: str) -> list[Any]:
        """Runs `dbt build`.

        Args:
            selected: What to build and test; empty for all.
            *options: Further options.

        Returns:
            dbt's results, one per node, failures included.

        Raises:
            MovielensError: If dbt stopped before it had any results.
        """
        select = ("--select", *selected) if selected else ()
        result = self._invoke("build", "--no-write-json", *select, *options)
        return list(getattr(result, "results", []))

    def know(self, **what: Mapping[str, Any]) -> None:
        """Tells dbt what is in the warehouse, so that it need not ask, where that takes statements.

        macros/dialect/dbt_on_snowflake.sql reads it; other engines ask.

        Args:
            **what: `relations`, the kind of each relation, by schema and name; or `columns`, the
                type of each column, by `schema.name` or the id of a model.
        """
        self._known.update(what)

    def unit_tests(self, names: Collection[str]) -> list[Any]:
        """Runs unit tests on their own, which `dbt build` does only with the models they test.

        Args:
            names: The unit tests.

        Returns:
            dbt's results, one per test.

        Raises:
            MovielensError: If dbt stopped before it had any results.
        """
        result = self._invoke("test", "--no-write-json", "--select", *names)
        return list(getattr(result, "results", []))

    def data_tests(self, selected: Collection[str], *options: str) -> list[Any]:
        """Compiles those data tests that `build` would run, without connecting to the warehouse.

        Args:
            selected: What is built and tested; empty for all.
            *options: Further options.

        Returns:
            dbt's nodes of the tests.

        Raises:
            MovielensError: If dbt cannot compile one.
        """
        tests = [f"{each},resource_type:test" for each in selected] or ["resource_type:test"]
        result = self._invoke("compile", *_OFFLINE, "--select", *tests, *options)
        return [each.node for each in getattr(result, "results", [])]

    def compile(self, *kinds: str) -> Manifest:
        """Compiles every model as a full refresh runs it, without connecting to the warehouse.

        Args:
            *kinds: What else to compile, by dbt's resource type, such as `test`.

        Returns:
            The project, in which each model has its SQL; not to be built from.

        Raises:
            MovielensError: If dbt cannot compile the project.
        """
        selected = [f"resource_type:{kind}" for kind in ("model", *kinds)]
        models = ("--select", *selected, "--indirect-selection", "empty")
        self._invoke("compile", "--full-refresh", *_OFFLINE, *models)
        return self.manifest

    def _invoke(self, command: str, *arguments: str) -> Any:
        try:
            from dbt.cli.main import dbtRunner
        except ImportError:
            raise SettingsError(
                "dbt is not installed, so nothing can be built",
                'install the extra: pip install "movielens-warehouse[dbt]"',
            ) from None

        settings = self._settings
        where = str(settings.project)
        options = ["--project-dir", where, "--profiles-dir", where]
        options += ["--log-level", "none", "--log-level-file", "info", "--no-print"]
        connects = command in ("build", "test")
        known = {"known": self._known} if self._known and connects else {}
        if variables := {**self._variables, **known}:
            options += ["--vars", json.dumps(variables)]
        runner = dbtRunner(manifest=self._parsed, callbacks=[_follow(self._on_event)])
        session = engine_of(settings).dbt_session(connects=connects)
        with _variables(settings, self._folder), session:
            outcome = runner.invoke([command, *options, *arguments])
        interrupted = interruption(outcome.exception)
        if interrupted is not None:
            raise interrupted
        if outcome.exception is not None:
            raise MovielensError(
                f"dbt stopped: {outcome.exception}",
                f"the full log is in {settings.logs_dir / 'dbt.log'}",
            )
        return outcome.result


def _project_key(settings: Settings, variables: Mapping[str, Any]) -> ProjectKey:
    profiles = settings.project / "profiles.yml"
    return ProjectKey(
        project=settings.project,
        code=code_fingerprint(settings),
        profiles=profiles.read_text() if profiles.exists() else "",
        target=settings.target,
        database=engine_of(settings).database,
        variables=json.dumps(variables, sort_keys=True),
    )


# What dbt parsed, and the fingerprint of everything in it whose edits dbt does not track reliably.
_PARTIAL, _FRAME = "partial_parse.msgpack", "parsed-code"


def _start_from(before: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in (_PARTIAL, _FRAME):
        with suppress(OSError):  # Without it, dbt parses everything.
            shutil.copy(before / name, folder / name)


def _forget_other_code(settings: Settings, folder: Path) -> None:
    """Makes dbt re-parse the whole project when more has changed than the SQL of models.

    When only a macro changes, dbt 1.11's partial parsing loses test descriptions.
    """
    code = _fingerprint(settings, with_model_sql=False)
    parsed = folder / _FRAME
    if not parsed.exists() or parsed.read_text() != code:
        (folder / _PARTIAL).unlink(missing_ok=True)
        folder.mkdir(parents=True, exist_ok=True)
        parsed.write_text(code)


@contextmanager
def _variables(settings: Settings, folder: Path) -> Iterator[None]:
    values = {
        "MOVIELENS_TARGET": settings.target,
        "DBT_TARGET_PATH": str(folder),
        "DBT_LOG_PATH": str(settings.logs_dir),
        **engine_of(settings).dbt_variables(),
    }
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _follow(on_event: OnEvent) -> Any:
    def follow(event: Any) -> None:
        if event.info.name == "LogStartLine":
            data = event.data
            step = "audit" if "test" in data.description else "build"
            on_event(Event(step, data.description, data.index, data.total))

    return follow
