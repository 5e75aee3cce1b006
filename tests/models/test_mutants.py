"""The audit notices wrong models; `python -m benchmarks.mutations` tries more of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.mutants import AUDITED, CONTRACT, SURVIVED, Trial

pytestmark = pytest.mark.slow
# Of the mistakes that change a mart.
PROMISED = 0.9


def test_the_audit_stops_nine_of_ten_wrong_models(tmp_path: Path) -> None:
    trial = Trial(tmp_path, seed=3)
    verdicts = [trial.verdict(mutant) for mutant in trial.mutants(150)]
    trial.close()
    stopped = [verdict for verdict in verdicts if verdict.end == AUDITED]
    survived = [verdict for verdict in verdicts if verdict.end == SURVIVED]
    assert len(stopped) + len(survived) > 40
    assert len({verdict.mutant.of for verdict in stopped}) > 15
    assert any(verdict.end == CONTRACT for verdict in verdicts)
    share = len(stopped) / (len(stopped) + len(survived))
    assert share >= PROMISED, [(v.mutant.kind, v.mutant.of) for v in survived]
