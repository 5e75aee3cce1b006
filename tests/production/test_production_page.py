"""docs/production.md is followed as it is written, from the first command to the dashboard."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from local_dev.s3 import s3_server
from tests.support import administrator
from tests.support.checkout import copy_of_checkout
from tests.support.cli import REAL
from tests.support.published import NO_REAL_RELEASE
from tests.support.walked import READ

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).parents[2]
PAGE = (PROJECT / "docs" / "production.md").read_text()
# What a reader fills in.
FILLED_IN = {
    "YOUR-BUCKET": "a-bucket-of-films",
    "OWNER/REPOSITORY": "anna/films",
    "YOURORG-YOURACCOUNT": "standin",
}


def blocks_of(language: str, heading: str) -> list[str]:
    """The blocks of a section of the page, filled in."""
    section = PAGE.split(f"\n## {heading}")[1].split("\n## ")[0]
    found = re.findall(rf"^```{language}\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    for name, value in FILLED_IN.items():
        found = [block.replace(name, value) for block in found]
    return found


def settings_of(heading: str) -> dict[str, str]:
    """The settings that a section shows."""
    (block,) = blocks_of("sh", heading)
    return dict(line.split("=", 1) for line in block.splitlines())


@pytest.mark.skipif(not REAL.exists(), reason=NO_REAL_RELEASE)
def test_the_page_is_followed_word_for_word(tmp_path: Path) -> None:
    """In one shell, in a copy of this checkout, with `aws`, `snow` and `gh` of the tests.

    The account is the stand-in that refuses what the set-up does not grant. It takes no tokens, so
    the run logs in with a key.
    """
    copy, folder = copy_of_checkout(tmp_path / "movielens"), tmp_path / "administrator"
    (copy / ".venv").symlink_to(PROJECT / ".venv")
    (copy / "ml-latest-small").symlink_to(REAL)
    headings = re.findall(r"^## ([1-5]\. .*)$", PAGE, re.MULTILINE)
    assert len(headings) == 5
    # A reader returns from the folder that one of them goes to.
    blocks = [block for heading in headings for block in blocks_of("sh", heading)]
    steps = [f"here=$PWD\n{block}cd $here" for block in blocks]
    with s3_server() as s3:
        inherited = {name: value for name, value in os.environ.items() if "MOVIELENS" not in name}
        path = f"{administrator.install(folder)}{os.pathsep}{inherited['PATH']}"
        env = {**inherited, **s3, "PATH": path}
        run_in(copy, env, "\n".join(steps))
        outline = json.loads((copy / "outline.json").read_text())
        assert outline["publish"]["published"]
        account = administrator.stand_in(folder, copy / "infra" / "snowflake")
        account.start()
        try:
            key = {
                name: value
                for name, value in account.env.items()
                if name.endswith(("_HOST", "_PORT", "_PROTOCOL", "_KEY_PATH", "_DATABASE"))
            }
            look_and_run_again(copy, {**env, **key}, outline["publish"]["version"])
        finally:
            account.stop()


def look_and_run_again(copy: Path, env: dict[str, str], version: str) -> None:
    """The dashboard's user reads what was published; cron and Python find nothing to do."""
    dashboard = settings_of("6. The dashboard") | {"SNOWFLAKE_PRIVATE_KEY": ""}
    (copy / "read.py").write_text(READ)
    seen = run_in(copy, {**env, **dashboard}, "python read.py")
    assert seen.splitlines()[0].endswith(f" {version}")
    assert len(seen.splitlines()) > 15

    settings, *_ = blocks_of("sh", "From cron")
    keys = {"SNOWFLAKE_PRIVATE_KEY_PATH", "SNOWFLAKE_LOADER_PRIVATE_KEY_PATH"}
    lines = (line for line in settings.splitlines() if line.partition("=")[0] not in keys)
    (copy / ".env").write_text("\n".join(lines) + "\n")
    (cron,) = blocks_of("text", "From cron")
    command = cron.partition(" && ")[2]
    assert run_in(copy, env, command) == ""

    (function, *_) = blocks_of("python", "From Airflow, Dagster or any Python")
    (copy / "function.py").write_text(f"{function}\nprint(movielens())\n")
    assert run_in(copy, env, "python function.py").splitlines()[-1] == version


def run_in(folder: Path, env: dict[str, str], script: str) -> str:
    """Runs a script; returns what it printed."""
    python = str(PROJECT / ".venv" / "bin")
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env={**env, "PATH": f"{python}{os.pathsep}{env['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    return done.stdout
