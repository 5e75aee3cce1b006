"""Applies, promotions and drops of an environment that are killed, and what must hold then.

Production and each other environment show the old build or the new one, as a whole; no view names
a table that is gone; readers see the old marts or the new; and the same command, run again, ends as
if nothing had happened.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import duckdb

from tests.support.crashing import (
    EMPTY,
    OF_THE_RUN,
    WAREHOUSE,
    Digests,
    Kill,
    Outcome,
    Place,
    Scenario,
    opened,
    published,
    spread,
)
from tests.support.table_hash import digests

LAYERS = ("analytics", "marts_candidate")
ENVIRONMENTS = {"production": "", "dev_anna": "__dev_anna", "dev_ben": "__dev_ben"}
# What describes one build, and differs between two that are otherwise equal.
REPORTS = ("mart_dataset_status", "mart_quality", "mart_dictionary", "mart_lineage")


@dataclass(frozen=True)
class Shown:
    """What a home shows.

    Attributes:
        environments: Digests of what each environment shows; of one that does not exist, none.
        published: Digests of what readers see.
    """

    environments: Mapping[str, Digests]
    published: Digests = field(default_factory=dict)


def shown_in(home: Path) -> Shown:
    """Reads every view of every environment.

    Raises:
        duckdb.Error: If a view names a table that is gone.
    """
    with opened(home / WAREHOUSE) as connection:
        found = {name: _shown(connection, suffix) for name, suffix in ENVIRONMENTS.items()}
    return Shown(found, _without_reports(published(home)))


def _shown(connection: duckdb.DuckDBPyConnection, suffix: str) -> Digests:
    schemas = [f"{layer}{suffix}" for layer in LAYERS]
    return _without_reports(digests(connection, *schemas, left_out=OF_THE_RUN))


def _without_reports(found: Digests) -> Digests:
    return {name: each for name, each in found.items() if name.split(".")[-1] not in REPORTS}


@dataclass(frozen=True)
class Trial:
    """A command that is killed again and again, each time from the same home.

    Attributes:
        scenario: The command, and where.
        before: What is shown before it.
        after: What is shown after it.
        tables: The relations of the store after it.
    """

    scenario: Scenario
    before: Shown
    after: Shown
    tables: frozenset[str]

    def kill(self, step: int) -> Outcome:
        """Kills it at one of its steps, looks, runs it again, and looks again."""
        place = self.scenario.place
        place.reset(self.scenario.home, self.scenario.zone)
        outcome = Outcome(Kill(step=step))
        self.scenario.kill(outcome)
        self._look(outcome, "after the kill", (self.before, self.after))
        self._recover(outcome)
        if not outcome.wedged:
            self._look(outcome, "after the next one", (self.after,))
            found = tables_of(place.home)
            if found - self.tables:
                outcome.problems.append(f"left in the store: {sorted(found - self.tables)}")
            if self.tables - found:
                outcome.problems.append(f"gone from the store: {sorted(self.tables - found)}")
        return outcome

    def _recover(self, outcome: Outcome) -> None:
        """Runs the command again; what a drop left behind goes with the next run."""
        command = self.scenario.command
        again: list[tuple[tuple[str, ...], tuple[int, ...]]] = [(command, (0,))]
        if command[:2] == ("env", "drop"):  # it may have been dropped already
            again = [(command, (0, 2)), (("run",), (0,))]
        for each, endings in again:
            done = self.scenario.place.cli(*self.scenario.arguments(each), env=self.scenario.env)
            if done.returncode not in endings:
                outcome.wedged = True
                outcome.problems.append(f"{each} exited {done.returncode}: {done.stderr}")

    def _look(self, outcome: Outcome, when: str, allowed: tuple[Shown, ...]) -> None:
        try:
            found = shown_in(self.scenario.place.home)
        except duckdb.Error as error:
            outcome.problems.append(f"{when}: {str(error).splitlines()[0]}")
            return
        for name, digests_found in found.environments.items():
            if digests_found not in [each.environments[name] for each in allowed]:
                outcome.problems.append(f"{when}: {name} shows neither the old nor the new tables")
        if found.published not in [each.published for each in allowed]:
            outcome.problems.append(f"{when}: readers see neither the old nor the new marts")


def tables_of(home: Path) -> frozenset[str]:
    """The relations of the store without ids that differ from build to build."""
    with opened(home / WAREHOUSE) as connection:
        rows = connection.execute(
            "select m.model, count(distinct m.table_name) from store._members as m "
            "join information_schema.tables as t "
            "on t.table_schema = 'store' and t.table_name = m.table_name group by m.model"
        ).fetchall()
        left = connection.execute(
            "select count(*) from information_schema.tables where table_schema = 'store' "
            "and table_name not like '\\_%' escape '\\' "
            "and table_name not in (select table_name from store._members)"
        ).fetchall()
    return frozenset([*(f"{model}: {number}" for model, number in rows), f"of none: {left[0][0]}"])


def trials(folder: Path, zone: Path) -> dict[str, Trial]:
    """Prepares the trials: three environments, of which one gets files before production.

    Args:
        folder: Where everything is made.
        zone: The landing zone to start from.

    Returns:
        By the name of the command.
    """
    place = Place(folder / "place")
    shutil.copytree(zone, place.zone)
    env = {"MOVIELENS_SOURCE": str(place.zone)}

    def do(*command: str) -> None:
        done = place.cli(*command, "--home", place.home, env=env)
        assert done.returncode == 0, done.stderr

    def trial(name: str, *command: str) -> Trial:
        home, before = place.keep(f"home-{name}"), shown_in(place.home)
        kept = shutil.copytree(place.zone, folder / f"zone-{name}")
        scenario = Scenario(name, place, home, kept, command, EMPTY, EMPTY, env=env)
        do(*command)
        return Trial(scenario, before, shown_in(place.home), tables_of(place.home))

    do("run")
    do("apply", "dev_ben")
    ratings = place.zone / "ratings.csv"
    film = ratings.read_text().splitlines()[1].split(",")[1]
    ratings.write_text(ratings.read_text() + f"99999,{film},4.5,1400000000\n")
    found = {"apply": trial("apply", "apply", "dev_anna")}
    found["promote"] = trial("promote", "promote", "dev_anna")
    found["drop"] = trial("drop", "env", "drop", "dev_ben")
    return found


def kills(trial: Trial, count: int, chance: Random | None = None) -> list[Outcome]:
    """Kills a command at as many of its steps, chosen as `spread` does."""
    return [trial.kill(step) for step in spread(len(trial.scenario.steps()), count, chance)]
