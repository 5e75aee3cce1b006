"""Any interleaving of loads, edits, applies, promotions, reverts and drops: nothing is mixed up.

Each environment shows what a full refresh of its code gave on the files of the moment when it was
applied, whatever happened to other environments since.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from ingestion.build.environments import PRODUCTION, Environment
from ingestion.errors import MovielensError, SettingsError
from ingestion.operate import environments
from ingestion.operate.run import EnvironmentReport, apply, run
from ingestion.operate.steps import load, vacuum
from ingestion.plan.plan import make_plan
from ingestion.progress import Event
from ingestion.settings import Settings
from ingestion.warehouse.base import DuckDBWarehouse
from tests.support.checkout import copy_of_the_project, only_warn
from tests.support.environments import Digests, built_anew, shown
from tests.support.replay import FullRefresh
from tests.support.samples import samples

pytestmark = [pytest.mark.xdist_group("interleavings"), pytest.mark.slow]

ENVIRONMENTS = (Environment("dev_anna"), Environment("dev_ben"))
# Edits that pass every test, of a mart, of a fact's macro and of a dimension.
EDITS = {
    "as it is": ("models/mart/mart_genre.sql", "select", "select"),
    "a mart": ("models/mart/mart_weekday_hour.sql", "rated.n_ratings, 0)", "rated.n_ratings, 0)+0"),
    "a fact": (
        "macros/measures.sql",
        "' ') }}))",
        "' ') }})) || case when {{ tag }} like 'a%' then '!' else '' end",
    ),
    "a dimension": ("models/dim/dim_movies.sql", "imdb.com/title/tt'", "imdb.com/' || 'title/tt'"),
}


class Interrupted(Exception):
    """Raised in the middle of a build."""


class Code:
    """A version of the models, and what a full refresh of them gives."""

    def __init__(self, folder: Path, name: str, settings: Settings) -> None:
        project = copy_of_the_project(folder / name.replace(" ", "-"))
        file, old, new = EDITS[name]
        text = (project / file).read_text()
        assert old in text
        (project / file).write_text(text.replace(old, new))
        only_warn(project, "assert_each_tag_is_normalised")  # it would hold back "a fact"
        self.settings = settings.model_copy(update={"project": project})
        self._scratch = project / "scratch"
        self._scratch.mkdir()
        self._full_refresh = FullRefresh(self.settings, self._scratch)

    def built_anew(self) -> Digests:
        return built_anew(self.settings, self._scratch, self._full_refresh)


class Interleavings(RuleBasedStateMachine):
    """One home, several versions of its models, several environments."""

    zone_to_start_from: Path

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(dir=self.zone_to_start_from.parent))
        self.zone = shutil.copytree(self.zone_to_start_from, self.folder / "zone")
        settings = Settings(
            home=self.folder / "home",
            source=str(self.zone),
            keep_days=0,
            keep_versions=2,
            shrink_limit=1,
            orphan_limit=1,
            _env_file=None,
        )
        self.codes = {name: Code(self.folder, name, settings) for name in EDITS}
        self.code = self.codes["as it is"]
        self.changes = 0
        self.expected: dict[Environment, Digests] = {}
        self.run()

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            shutil.rmtree(self.folder)

    @property
    def settings(self) -> Settings:
        return self.code.settings

    # ---- what may happen

    @rule(name=st.sampled_from(sorted(EDITS)))
    def edit(self, name: str) -> None:
        self.code = self.codes[name]

    @rule(name=st.sampled_from(["ratings.csv", "tags.csv", "movies.csv"]), lost=st.booleans())
    def change_a_file(self, name: str, lost: bool) -> None:
        self.changes += 1
        header, *lines = (self.zone / name).read_text().splitlines()
        again = [*lines[7:], lines[0]] if lost else [*lines[3:], *lines[:3]]
        (self.zone / name).write_text("\n".join([header, *again]) + "\n")

    @rule(gone=st.booleans())
    def another_file(self, gone: bool) -> None:
        more = self.zone / "ratings-more.csv"
        if gone:
            more.unlink(missing_ok=True)
        else:
            self.changes += 1
            rows = "".join(f"{90_000 + n},{1 + n},4.0,{10**9 + self.changes}\n" for n in range(9))
            more.write_text(f"userId,movieId,rating,timestamp\n{rows}")

    @rule()
    def load(self) -> None:
        load(settings=self.settings, remove_missing=True)

    @rule()
    def run(self) -> None:
        load(settings=self.settings, remove_missing=True)
        self._as_planned(PRODUCTION, lambda: run(self.settings).build)

    @rule(environment=st.sampled_from(ENVIRONMENTS))
    def apply(self, environment: Environment) -> None:
        load(settings=self.settings, remove_missing=True)
        self._as_planned(environment, lambda: self._applied(environment).build)

    def _applied(self, environment: Environment) -> EnvironmentReport:
        report = apply(self.settings, environment)
        assert isinstance(report, EnvironmentReport)
        return report

    def _as_planned(self, environment: Environment, act: Callable[[], Any]) -> None:
        plan = make_plan(self.settings, environment)
        planned = {m.name for m in plan.models if m.action in ("build", "refresh")}
        done = {name for name in act().node_seconds if name.startswith("model.")}
        # A build that is there as a whole is shown: not even its reports are made.
        assert {name.partition(".")[2] for name in done} in (planned, set())
        if not done:
            assert all(m.is_report for m in plan.models if m.name in planned)
        self.expected[environment] = self.code.built_anew()

    @rule(environment=st.sampled_from([PRODUCTION, *ENVIRONMENTS]), at=st.integers(1, 40))
    def is_interrupted(self, environment: Environment, at: int) -> None:
        seen = 0

        def interrupt(event: Event) -> None:
            nonlocal seen
            seen += event.step in ("build", "audit")
            if seen >= at:
                raise Interrupted

        try:
            apply(self.settings, environment, on_event=interrupt)
        except (Interrupted, MovielensError):
            return
        self.expected[environment] = self.code.built_anew()

    @precondition(lambda self: len(self.expected) > 1)
    @rule(environment=st.sampled_from(ENVIRONMENTS))
    def promote(self, environment: Environment) -> None:
        if environment not in self.expected:
            return
        try:
            environments.promote(self.settings, environment.name)
        except SettingsError:  # production shows newer files
            return
        self.expected[PRODUCTION] = self.expected[environment]

    @rule(environment=st.sampled_from(ENVIRONMENTS))
    def drop(self, environment: Environment) -> None:
        if self.expected.pop(environment, None) is not None:
            environments.drop(self.settings, environment.name)

    @rule(environment=st.sampled_from(ENVIRONMENTS))
    def expires(self, environment: Environment) -> None:
        if self.expected.pop(environment, None) is not None:
            DuckDBWarehouse(self.settings.warehouse_file).execute(
                "update store._environments set expires_at = timestamp '2000-01-01' "
                f"where environment = '{environment.name}'",
                "update store._builds set used_at = timestamp '2000-01-01'",
            )
            self.run()

    @rule()
    def vacuum(self) -> None:
        vacuum(self.settings)

    @invariant()
    def each_environment_shows_what_it_should(self) -> None:
        for environment, expected in getattr(self, "expected", {}).items():
            found = shown(self.settings, environment)
            different = [name for name in expected if found.get(name) != expected[name]]
            assert (environment.name, different) == (environment.name, [])
            assert found.keys() == expected.keys()


def test_any_interleaving(built: Path, tmp_path: Path) -> None:
    Interleavings.zone_to_start_from = shutil.copytree(built / "zone", tmp_path / "zone")
    run_state_machine_as_test(
        Interleavings,
        settings=hypothesis_settings(
            max_examples=samples(1, nightly=3),
            stateful_step_count=12,
            deadline=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
