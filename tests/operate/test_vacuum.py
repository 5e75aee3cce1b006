"""What vacuum removes, and what it must keep."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion import load
from ingestion.engine import engine_of
from ingestion.operate.steps import vacuum
from ingestion.settings import Settings
from tests.support.cli import Cli
from tests.support.facts import build_facts
from tests.support.landing_zone import RATINGS, query, write, write_six

RECENT = RATINGS.replace("1445714\n", "1445714999\n")  # what the marts accept as a time
ONE_DAY_OLDER = "update raw._files set loaded_at = loaded_at - interval 1 day"


@pytest.fixture
def history(settings: Settings) -> Settings:
    """Two versions of ratings.csv, the second of them a day old; and rows of a load that died."""
    settings = settings.model_copy(update={"keep_days": 0})
    zone = Path(settings.source or "")
    write_six(zone)
    load(settings=settings)
    write(zone, ratings=RECENT.replace("0.5", "5.0"))
    load(settings=settings)
    engine_of(settings).warehouse().execute(
        ONE_DAY_OLDER, "insert into raw.tags (tag, _file_id) values ('', 1)"
    )
    return settings


def counts(settings: Settings) -> dict[str, int]:
    return {
        table: query(settings.warehouse_file, f"select count(*) from raw.{table}")[0][0]
        for table in ("ratings", "tags", "_files")
    }


def test_superseded_rows_and_orphans_go(history: Settings) -> None:
    before = counts(history)
    would_go = vacuum(history, dry_run=True)
    assert counts(history) == before
    report = vacuum(history)
    assert report.rows == would_go.rows == {"ratings": 3, "tags": 1}
    assert counts(history) == {"ratings": 3, "tags": 2, "_files": before["_files"]}
    assert load(settings=history).changed is False
    assert vacuum(history).rows == {}


def test_what_is_not_old_enough_stays(history: Settings) -> None:
    patient = history.model_copy(update={"keep_days": 2})
    assert vacuum(patient).rows == {"tags": 1}


@pytest.mark.slow
def test_what_a_model_has_not_seen_stays(history: Settings) -> None:
    """The facts were built before the second version of the ratings came."""
    zone = Path(history.source or "")
    build_facts(history)
    write(zone, ratings=RECENT.replace("4.5", "1.0"))
    load(settings=history)
    engine_of(history).warehouse().execute(ONE_DAY_OLDER)
    assert vacuum(history).rows == {"ratings": 3}  # of the first version only
    build_facts(history)
    facts = query(history.warehouse_file, "select rating from analytics.fct_ratings order by all")
    assert facts == [(0.5,), (1.0,), (4.0,)]
    assert vacuum(history).rows == {"ratings": 3}


def test_it_says_what_it_removed(cli: Cli, history: Settings) -> None:
    arguments = ("vacuum", "--home", history.home)
    told = cli(*arguments, "--dry-run", env={"MOVIELENS_KEEP_DAYS": "0"})
    assert "Would remove rows: 3 of raw.ratings, 1 of raw.tags" in told.stdout
    assert cli.json(*arguments)["rows"] == {"tags": 1}


def test_an_empty_home_has_nothing_to_remove(settings: Settings) -> None:
    assert vacuum(settings).rows == {}
