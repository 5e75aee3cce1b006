"""docs/production.md: what it shows is what is there, and what it says to run can be run."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives import serialization

from local_dev.account.statements import filled_in, variables
from tests.support import forking
from tests.support.cli import Cli
from tests.support.closure import (
    DASHBOARD,
    FOLDER,
    GITHUB_RULE,
    LOADER,
    OPTIONAL,
    TRANSFORMER,
    account_after,
    set_up,
    table,
)

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "docs" / "production.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def _block(language: str, having: str) -> str:
    (found,) = [each for each in _blocks(language) if having in each]
    return found


def test_the_table_of_rights_is_the_closure() -> None:
    shown = re.search(r"^\| on \|.*?(?=\n\n)", PAGE, re.MULTILINE | re.DOTALL)
    assert shown
    assert shown.group() == table(account_after(set_up()))


def test_the_files_are_run_in_their_order() -> None:
    commands = [each for each in _blocks("sh") if "snow sql -f 01" in each]
    (ran,) = [re.findall(r"-f (\S+\.sql)", each) for each in commands]
    required = sorted(path.name for path in FOLDER.glob("0*.sql") if path.name not in OPTIONAL)
    assert ran == [*required, "06_workload_identity.sql", "08_account_defaults.sql"]
    for name in [*OPTIONAL, "99_teardown.sql"]:
        assert name in PAGE


def test_every_setting_of_the_workflows_and_of_the_set_up_is_explained() -> None:
    text = "".join(path.read_text() for path in (PROJECT / ".github/workflows").glob("*.yml"))
    used = set(re.findall(r"(?:vars|secrets)\.([A-Z_]+)", text))
    assert [name for name in sorted(used) if name not in PAGE] == []
    # The keys are exported in a loop.
    names = [name for name in variables(FOLDER) if not name.endswith("_public_key")]
    assert [name for name in names if f"`{name}" not in PAGE] == []


def test_the_parameters_are_those_of_the_stack() -> None:
    text = (PROJECT / "infra" / "aws" / "landing-zone.yaml").read_text()
    known = set(re.findall(r"^  (\w+):\n    Type: String", text, re.MULTILINE))
    given = set(re.findall(r"\b([A-Z][a-z]\w+)=", "".join(_blocks("sh"))))
    assert {"BucketName", "GitHubRepository", "SnowflakeUserArn"} <= given <= known
    outputs = text.split("\nOutputs:\n")[1]
    for name in ("RunnerRoleArn", "SnowflakeRoleArn"):
        assert name in PAGE
        assert f"  {name}:" in outputs


def test_what_the_page_says_of_the_networks_is_so() -> None:
    """With keys only from addresses of one's own; from GitHub's runners only with tokens."""
    for optional in (False, True):
        account = account_after(set_up(optional))
        user = account.need("USER", LOADER).settings
        policy = account.need("NETWORK POLICY", str(user["NETWORK_POLICY"])).settings
        login = account.need("AUTHENTICATION POLICY", str(user["AUTHENTICATION POLICY"])).settings
        assert (GITHUB_RULE in str(policy), "RSA_PUBLIC_KEY" in user) == (optional, not optional)
        way = "WORKLOAD_IDENTITY" if optional else "KEYPAIR"
        assert login["AUTHENTICATION_METHODS"] == (way,)
    assert GITHUB_RULE in PAGE
    for word in ("@~", "temporary tables", "programmatic access tokens", "prevent_unload_to_"):
        assert word in PAGE


def test_every_environment_of_the_workflows_is_created() -> None:
    text = "".join(path.read_text() for path in (PROJECT / ".github/workflows").glob("*.yml"))
    pages = PAGE + (PROJECT / "docs" / "upgrading.md").read_text()
    created = set(re.findall(r"--method PUT 'repos/\{owner\}/\{repo\}/environments/(\w+)'", pages))
    # parity is of those who want it, and its header says how.
    assert set(re.findall(r"environment: (\w+)", text)) - {"parity"} == created


def test_the_keys_are_what_the_users_take(tmp_path: Path) -> None:
    script = _block("sh", "openssl genpkey") + "\nenv\n"
    done = subprocess.run(
        ["bash", "-euc", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    exported = dict(
        line.split("=", 1) for line in done.stdout.splitlines() if "_public_key=" in line
    )
    values = {**variables(FOLDER), **exported}
    text = filled_in((FOLDER / "05_users.sql").read_text(), values)
    assert "PUBLIC KEY OF" not in text
    users = account_after({**set_up(optional=False), "with keys": text}).of_kind("USER")
    for user in (LOADER, TRANSFORMER, DASHBOARD):
        name = user.removeprefix("MOVIELENS_").lower()
        file = tmp_path / f"{name}.p8"
        assert file.stat().st_mode & 0o077 == 0
        private = serialization.load_pem_private_key(file.read_bytes(), None)
        pem = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        one_line = "".join(pem.decode().splitlines()[1:-1])
        assert users[user].settings["RSA_PUBLIC_KEY"] == one_line


def test_the_settings_name_users_of_the_set_up() -> None:
    account = account_after(set_up())
    for block in (_block("sh", "dashboard.p8"), _block("sh", "/etc/movielens")):
        given = dict(line.split("=", 1) for line in block.splitlines())
        user = account.need("USER", given["SNOWFLAKE_USER"]).settings
        assert user["DEFAULT_ROLE"] == given["SNOWFLAKE_ROLE"]
        assert user["DEFAULT_WAREHOUSE"] == given["SNOWFLAKE_WAREHOUSE"]
    assert account.complaints == []


def test_the_settings_of_developers_are_what_their_role_may_use() -> None:
    block = _block("sh", "SNOWFLAKE_USER=ANNA")
    given = dict(line.split("=", 1) for line in block.splitlines())
    rights = account_after(set_up()).rights(given["SNOWFLAKE_ROLE"])
    assert f"CREATE SCHEMA ON DATABASE {given['SNOWFLAKE_DATABASE']}" in rights
    assert f"USAGE ON WAREHOUSE {given['SNOWFLAKE_WAREHOUSE']}" in rights


def test_the_schedules_are_those_of_the_workflow() -> None:
    text = (PROJECT / ".github" / "workflows" / "production.yml").read_text()
    (schedule,) = yaml.safe_load(text)[True]["schedule"]
    assert schedule["cron"] == "17 5 * * *"
    assert "at 05:17 UTC" in PAGE
    assert PAGE.count(schedule["cron"]) == 2


@pytest.mark.parametrize("is_first", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_function_of_the_page_runs(
    built: Path, home: Path, tmp_path: Path, cli: Cli, is_first: bool
) -> None:
    script = tmp_path / "script.py"
    script.write_text(f"{_block('python', 'def movielens() -> str')}\nprint(movielens())\n")
    home = tmp_path / "new" if is_first else home
    own = {
        "MOVIELENS_HOME": str(home),
        "MOVIELENS_SOURCE": str(built / "zone"),
        "MOVIELENS_TARGET": "dev",
    }
    command = [sys.executable, "-P", str(script)]
    process = forking.start(command, cwd=cli.folder, env=cli.environment(own))
    stdout, stderr = process.communicate(timeout=240)
    assert process.returncode == 0, stderr
    status = cli.json("status", "--home", home)
    assert stdout.splitlines()[-1] == status["published"]


def test_the_other_examples_name_what_the_library_has() -> None:
    imports = [
        node
        for block in _blocks("python")
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("ingestion")
    ]
    assert len(imports) >= 8
    for node in imports:
        module = import_module(str(node.module))
        assert [name.name for name in node.names if not hasattr(module, name.name)] == []
