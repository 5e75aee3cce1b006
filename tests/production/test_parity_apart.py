"""The nightly comparison keeps away from production."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion import load
from ingestion.engine import engine_of
from ingestion.settings import resolve
from tests.support.landing_zone import write_six
from tests.support.parity import check_zone, own_database


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"SNOWFLAKE_PARITY_DATABASE": " "},
        {"SNOWFLAKE_PARITY_DATABASE": "movielens"},
        {"SNOWFLAKE_PARITY_DATABASE": "Main", "SNOWFLAKE_DATABASE": "MAIN"},
    ],
)
def test_it_needs_a_database_of_its_own(environment: dict[str, str]) -> None:
    with pytest.raises(SystemExit, match="needs a database of its own; nothing was changed"):
        own_database(environment)


def test_it_takes_the_one_that_is_named() -> None:
    assert own_database({"SNOWFLAKE_PARITY_DATABASE": "PARITY"}) == "PARITY"


def test_it_refuses_a_warehouse_that_holds_another_landing_zone(tmp_path: Path) -> None:
    zones = [tmp_path / name for name in ("production", "movielens-parity-1/zone", "own")]
    for zone in zones:
        write_six(zone)
    production, of_another_night, own = map(str, zones)
    settings = resolve(home=tmp_path / "home")
    target = engine_of(settings).warehouse()
    check_zone(target, own)
    load(of_another_night, settings=settings)
    check_zone(target, own)
    load(production, settings=settings, switch_source=True)
    check_zone(target, production)
    with pytest.raises(SystemExit, match=r"holds another landing zone .*/production"):
        check_zone(target, own)
