"""Loading, publishing and vacuum with the grants of `infra/snowflake`, without dbt."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ingestion import load
from ingestion.build.environments import CANDIDATE, STORE
from ingestion.engine import engine_of
from ingestion.errors import MovielensError
from ingestion.operate.steps import publish, rollback, vacuum
from ingestion.settings import Settings
from ingestion.warehouse.base import Warehouse
from ingestion.warehouse.snowflake import SnowflakeWarehouse
from ingestion.warehouse.snowflake_login import READER, snowflake_settings
from tests.support.candidates import MARTS, register_candidate, version_of
from tests.support.cli import Cli
from tests.support.closure import DASHBOARD, FOLDER, LOADER, TRANSFORMER, account_after, set_up
from tests.support.landing_zone import RATINGS, write, write_six
from tests.support.snowflake_account import Account

pytestmark = pytest.mark.slow
ROLES = (LOADER, TRANSFORMER, DASHBOARD)
OLDER = "update raw._files set loaded_at = loaded_at - interval '1 day'"


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    (tmp_path / "account").mkdir()
    made = Account(tmp_path / "account", set_up=FOLDER)
    made.start()
    for name, value in made.env.items():
        monkeypatch.setenv(name, value)
    yield made
    made.stop()


@pytest.fixture
def settings(account: Account, tmp_path: Path) -> Settings:
    return Settings(
        home=tmp_path / "home",
        source=str(tmp_path / "zone"),
        target="prod",
        keep_days=0,
        keep_versions=2,
        _env_file=None,
    )


def build_by_hand(settings: Settings, number: int) -> None:
    """Tables in the store and views on them, as a build leaves them."""
    target = engine_of(settings).warehouse()
    for mart in MARTS:
        target.replace_table(STORE, f"{mart}__{number}", "number bigint", [[number]])
        target.execute(
            f"create or replace view {CANDIDATE}.{mart} as select * from {STORE}.{mart}__{number}"
        )
    register_candidate(settings, version_of(number))


def seen(reader: Warehouse) -> list[tuple[int]]:
    return [row for mart in MARTS for row in reader.fetch(f"select number from marts.{mart}")]


def test_every_version_reaches_the_dashboard(settings: Settings, account: Account) -> None:
    reader = SnowflakeWarehouse(snowflake_settings(READER), "reader")
    for number in (1, 2, 3, 4):
        build_by_hand(settings, number)
        assert publish(settings).version == version_of(number)
        assert seen(reader) == [(number,)] * len(MARTS)
    assert rollback(settings).version == version_of(3)
    assert seen(reader) == [(3,)] * len(MARTS)
    with pytest.raises(MovielensError, match="does not exist or not authorized"):
        reader.fetch("select * from marts_store.mart_genre")


def test_vacuum_deletes_as_the_user_that_may(settings: Settings, account: Account) -> None:
    zone = Path(settings.source or "")
    write_six(zone)
    load(settings=settings)
    write(zone, ratings=RATINGS.replace("0.5", "5.0"))
    load(settings=settings)
    loader = engine_of(settings).warehouse(loader=True)
    loader.execute(OLDER)
    with pytest.raises(MovielensError, match="Insufficient privileges to operate on table"):
        engine_of(settings).warehouse().execute("delete from raw.ratings")
    before = loader.fetch("select count(*) from raw.ratings")[0][0]
    assert vacuum(settings, dry_run=True).rows == {"ratings": before // 2}
    assert loader.fetch("select count(*) from raw.ratings") == [(before,)]
    assert vacuum(settings).rows == {"ratings": before // 2}
    assert loader.fetch("select count(*) from raw.ratings") == [(before // 2,)]


def test_without_any_grant_something_is_refused(
    settings: Settings, account: Account, tmp_path: Path
) -> None:
    """Of each grant, a statement that no other right allows.

    The stand-in refuses what no right meets, so without the grant that statement would fail.
    """
    write_six(Path(settings.source or ""))
    env = {**account.env, "MOVIELENS_TARGET": "prod"}
    arguments = ("doctor", "--home", settings.home, "--source", settings.source or "")
    findings = Cli(tmp_path).json(*arguments, env=env)["findings"]
    assert [each for each in findings if each["status"] == "problem"] == []
    load(settings=settings)
    reads_raw = "select count(*) from raw._files"
    assert engine_of(settings).warehouse().fetch(reads_raw) == [(6,)]
    build_by_hand(settings, 1)
    publish(settings)
    reader = SnowflakeWarehouse(snowflake_settings(READER), "reader")
    assert seen(reader) == [(1,)] * len(MARTS)

    needed = {(role, met[0]) for role, *_, met in account.rights_used() if len(met) == 1}
    grants = account_after(set_up(optional=False)).grants
    granted = {(role, right) for role in ROLES for right in grants[role]}
    # For views that are there before the grant is: tests/local_dev/test_account_rights.py.
    assert granted - needed == {(DASHBOARD, "SELECT ON ALL VIEWS IN SCHEMA MOVIELENS.MARTS")}
