"""docs/marts.md on Snowflake: the published views give the same answers to the same SQL."""

from __future__ import annotations

import duckdb
import pytest

from tests.support.asked import alike, questions
from tests.support.both_targets import Production

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("production")]


def test_the_views_answer_as_the_file_does(production: Production) -> None:
    """All but the last question, which is about the build: each target has its own."""
    marts = production.folder / "dev" / "marts.duckdb"
    with (
        duckdb.connect(str(marts), read_only=True) as published,
        production.target.connect() as account,
    ):
        account.execute("use schema marts")
        for question in questions()[:-1]:
            expected = published.execute(question.sql).fetchall()
            assert expected, question.title
            frame = account.native.cursor().execute(question.sql).fetch_pandas_all()
            assert alike(frame.astype(object).values.tolist(), expected), question.title


def test_the_command_line_answers_the_last_question_of_what_is_published_there(
    production: Production,
) -> None:
    last = questions()[-1]
    done = production.cli.json("query", last.sql, "--home", "prod", env=production.env)
    (answer,) = done["answer"]
    assert answer["data_version"] == production.report["publish"]["version"]
    assert answer["tests_failed"] == 0
