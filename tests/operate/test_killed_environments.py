"""kill -9 of an apply, a promotion or a drop: each environment shows the old or the new build."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from tests.support.killed_environments import Trial, kills, trials
from tests.support.samples import samples

pytestmark = [pytest.mark.xdist_group("killed-environments"), pytest.mark.slow]

KILLS = {
    "apply": samples(2, nightly=8),
    "promote": samples(2, nightly=8),
    "drop": samples(2, nightly=5),
}


@pytest.fixture(scope="module")
def prepared(built: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trial]:
    return trials(tmp_path_factory.mktemp("killed"), built / "zone")


@pytest.mark.parametrize("command", KILLS)
def test_it_is_killed_at_many_steps(prepared: dict[str, Trial], command: str) -> None:
    outcomes = kills(prepared[command], KILLS[command], Random())
    assert sum(outcome.killed for outcome in outcomes) >= KILLS[command] / 2
    assert [outcome for outcome in outcomes if not outcome.sound] == []
