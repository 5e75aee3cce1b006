"""Programs of others that docs/production.md calls: `aws`, `gh` and `snow`, as far as it does.

Each checks what it is given against the files that the real one reads, does it on the stand-ins,
and refuses everything else. What they share is in the folder ADMINISTRATOR: the parameters of the
stack, the variables of the repository, the set-up of the account, and the account itself.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import boto3
import yaml

from local_dev.account.model import Account
from local_dev.account.statements import apply, filled_in, variables
from tests.support.snowflake_account import Account as StandIn
from tests.support.stack import decoded

TOOLS = ("aws", "gh", "snow")
PRODUCTION = Path(".github/workflows/production.yml")


def install(folder: Path) -> Path:
    """Makes the programs; returns the folder to put on the PATH.

    Args:
        folder: An empty folder for the programs and for what they share.
    """
    bin_folder = folder / "bin"
    bin_folder.mkdir(parents=True)
    project = Path(__file__).parents[2]
    for tool in TOOLS:
        program = bin_folder / tool
        program.write_text(
            f"#!/bin/sh\nADMINISTRATOR={folder} PYTHONPATH={project} exec {sys.executable} "
            f'-W ignore -m tests.support.administrator {tool} "$@"\n'
        )
        program.chmod(0o755)
    return bin_folder


def stand_in(folder: Path, set_up: Path) -> StandIn:
    """The account, not started."""
    (folder / "account").mkdir(exist_ok=True)
    return StandIn(folder / "account", set_up=set_up)


def remembered(folder: Path, what: str) -> dict[str, str]:
    """What was set, by name."""
    file = folder / f"{what}.json"
    return dict(json.loads(file.read_text())) if file.exists() else {}


def _remember(folder: Path, what: str, values: dict[str, str]) -> None:
    (folder / f"{what}.json").write_text(json.dumps(values))


def _options(arguments: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"": []}
    name = ""
    for argument in arguments:
        if argument.startswith("-"):
            name = argument
            found.setdefault(name, [])
        else:
            found[name].append(argument)
    return found


def aws(folder: Path, arguments: list[str]) -> None:
    """`cloudformation deploy` checks the parameters and makes the bucket."""
    command, options = arguments[:2], _options(arguments[2:])
    if command == ["cloudformation", "describe-stacks"]:
        sys.stdout.write(json.dumps(remembered(folder, "stack")))
        return
    assert command == ["cloudformation", "deploy"], arguments
    assert options["--capabilities"] == ["CAPABILITY_NAMED_IAM"]
    (file,) = options["--template-file"]
    known = decoded(Path(file).read_text())["Parameters"]
    given = dict(each.split("=", 1) for each in options["--parameter-overrides"])
    assert set(given) <= set(known), given
    parameters = remembered(folder, "stack") | given  # those of before stay
    missing = [name for name in known if "Default" not in known[name] and name not in parameters]
    assert missing == []
    if not remembered(folder, "stack"):
        boto3.Session().client("s3").create_bucket(Bucket=parameters["BucketName"])
    _remember(folder, "stack", parameters)


def snow(folder: Path, arguments: list[str]) -> None:
    """`sql` runs the files of the set-up on the model of the account, each after all before it."""
    assert arguments[0] == "sql", arguments
    if arguments[1] == "-q":
        assert re.fullmatch(r"describe integration \w+", arguments[2])
        return
    here = variables(Path())
    values = {name: os.environ.get(name, value) for name, value in here.items()}
    done = folder / "set-up.sql"
    account = Account()
    apply(done.read_text() if done.exists() else "", account)
    for file in _options(arguments[1:])["-f"]:
        text = filled_in(Path(file).read_text(), values)
        apply(text, account)
        with done.open("a") as all_of_it:
            all_of_it.write(f"\n{text}")
    assert account.complaints == []


def gh(folder: Path, arguments: list[str]) -> None:
    """Keeps what is set; `run watch` does what the workflow's job does."""
    if arguments[0] == "api":
        assert re.match(
            r"repos/\{owner\}/\{repo\}/environments/\w+", _options(arguments)["--method"][1]
        )
    elif arguments[:2] in (["variable", "set"], ["variable", "delete"]):
        values = remembered(folder, "variables")
        values.pop(arguments[2], None)
        if arguments[1] == "set":
            (values[arguments[2]],) = _options(arguments)["--body"]
        _remember(folder, "variables", values)
    elif arguments[:2] == ["secret", "set"]:
        assert "PRIVATE KEY" in sys.stdin.read()
    elif arguments[:2] == ["workflow", "run"]:
        _remember(folder, "asked", {"workflow": arguments[2]})
    else:
        assert arguments == ["run", "watch"], arguments
        assert remembered(folder, "asked") == {"workflow": PRODUCTION.name}
        _run_the_job(folder)


def _run_the_job(folder: Path) -> None:
    """The step that loads, builds and publishes, with a key: no stand-in takes a token."""
    job = yaml.safe_load(PRODUCTION.read_text())["jobs"]["run"]
    known = remembered(folder, "variables")
    of_job = {name: _evaluated(str(value), known) for name, value in job["env"].items()}
    account = stand_in(folder, Path("infra/snowflake").resolve())
    account.start()
    try:
        (step,) = (each for each in job["steps"] if each.get("id") == "run")
        assert known["SNOWFLAKE_AUTHENTICATOR"] == "WORKLOAD_IDENTITY"
        with_a_key = dict.fromkeys(
            ("SNOWFLAKE_AUTHENTICATOR", "SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER"), ""
        )
        there = {**account.env, **with_a_key, "RUNNER_TEMP": str(folder)}
        output = folder / "output"
        env = {**os.environ, **of_job, **there, "GITHUB_OUTPUT": str(output)}
        done = subprocess.run(["bash", step["run"]], env=env, check=False)
        statements = account.statements()
        (folder / "sent.json").write_text(json.dumps(statements))
        assert (done.returncode, output.read_text()) == (0, "code=0\n")
    finally:
        account.stop()


def _evaluated(text: str, known: dict[str, str]) -> str:
    return re.sub(r"\$\{\{ vars\.(\w+) \}\}", lambda found: known.get(found[1], ""), text)


_MAIN: dict[str, Callable[[Path, list[str]], Any]] = {"aws": aws, "gh": gh, "snow": snow}

if __name__ == "__main__":
    _MAIN[sys.argv[1]](Path(os.environ["ADMINISTRATOR"]), sys.argv[2:])
