"""The audit notices wrong models; `python -m benchmarks.mutations` tries more of them."""

from __future__ import annotations

import pytest

from tests.support.mutants import AUDITS, CONTRACT, EFFECTIVE, INCREMENTAL, SURVIVED, Trial, Verdict

pytestmark = pytest.mark.slow
# Of the mistakes that change a mart.
BY_THE_AUDIT, BY_ALL = 0.9, 0.99


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> list[Verdict]:
    """Of mistakes that change a mart."""
    trial = Trial(tmp_path_factory.mktemp("mutants"), seed=3)
    found = [trial.verdict(mutant) for mutant in trial.mutants(200)]
    trial.close()
    return [verdict for verdict in found if verdict.end in EFFECTIVE]


def test_the_mistakes_are_many_and_of_many_models(verdicts: list[Verdict]) -> None:
    assert len(verdicts) > 80
    assert len({verdict.mutant.of for verdict in verdicts}) > 20
    assert INCREMENTAL in {verdict.mutant.kind for verdict in verdicts}
    assert CONTRACT in {verdict.end for verdict in verdicts}


def test_the_audit_stops_nine_of_ten_wrong_models(verdicts: list[Verdict]) -> None:
    # Any audit would notice what breaks a contract.
    running = [verdict for verdict in verdicts if verdict.end != CONTRACT]
    passed = [verdict for verdict in running if verdict.end not in AUDITS]
    share = 1 - len(passed) / len(running)
    assert share >= BY_THE_AUDIT, [(v.mutant.kind, v.mutant.of) for v in passed]


def test_hardly_any_wrong_model_passes_the_audit_and_make_test(verdicts: list[Verdict]) -> None:
    survived = [verdict for verdict in verdicts if verdict.end == SURVIVED]
    share = 1 - len(survived) / len(verdicts)
    assert share >= BY_ALL, [(v.mutant.kind, v.mutant.of) for v in survived]
