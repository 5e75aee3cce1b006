"""Production with the users and the grants of `infra/snowflake`, on a stand-in that refuses."""

from __future__ import annotations

import pytest

from tests.support.walked import Walk, walk

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("refusing")]

# Commands that end with another code than 0: rows or files were refused.
CODES = {"refused file": 4}


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    return walk(tmp_path_factory.mktemp("walk"))


def test_every_command_may_do_what_it_does(walked: Walk) -> None:
    failed = {
        name: (step.code, step.out[-500:], step.err[-1500:])
        for name, step in walked.steps.items()
        if step.code != CODES.get(name, 0)
    }
    assert failed == {}


def test_doctor_finds_nothing_wrong_with_the_set_up(walked: Walk) -> None:
    for name in ("doctor before", "doctor"):
        findings = walked.steps[name].answer["findings"]
        assert [each for each in findings if each["status"] == "problem"] == []


def test_the_dashboard_reads_every_mart(walked: Walk) -> None:
    marts = walked.steps["dashboard"].out.split("\n")[1:-1]
    assert len(marts) > 15
