"""The workflows: valid, safe, and quiet or loud when they should be.

The scripts that they call run here for real, with a stand-in for GitHub at the end: a program `gh`
that keeps issues in a file, and a server on this machine for tokens, webhook and heartbeat.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from markdown_it import MarkdownIt

from ingestion.project import create_project
from tests.support.checkout import copy_of_the_project
from tests.support.cli import PROGRAM, Cli
from tests.support.closure import DASHBOARD, LOADER, TRANSFORMER, account_after, set_up

PROJECT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((PROJECT / ".github" / "workflows").glob("*.yml"))
SCRIPTS = PROJECT / ".github" / "scripts"
BIN = Path(sys.executable).parent
PRODUCTION = PROJECT / ".github" / "workflows" / "production.yml"


def _run(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(each) for each in arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        **options,
    )


# What is written


def _checked_by_schema(*paths: Path, schema: str = "github-workflows") -> str:
    done = _run(BIN / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", *paths)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _findings(*paths: Path) -> set[str]:
    options = ("--offline", "--no-config", "--persona", "auditor", "--format", "json")
    done = _run(BIN / "zizmor", *options, *paths)
    assert done.stdout, done.stderr
    return {finding["ident"] for finding in json.loads(done.stdout)}


def test_the_workflows_are_valid() -> None:
    assert {path.stem for path in WORKFLOWS} >= {"ci", "nightly-snowflake", "production", "watch"}
    assert _checked_by_schema(*WORKFLOWS) == ""


def test_pins_are_kept_up_to_date() -> None:
    path = PROJECT / ".github" / "dependabot.yml"
    assert _checked_by_schema(path, schema="dependabot") == ""
    assert _checked_by_schema(PRODUCTION, schema="dependabot") != ""


def test_the_security_linter_finds_nothing() -> None:
    assert _findings(PROJECT / ".github") == set()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    runs-on: ubuntu-24.04\n", ""),
        ("timeout-minutes: 110", "timeout-minutes: soon or later"),
        ("cancel-in-progress: false", "cancel: false"),
        ("      id-token: write", "      id-token: always"),
        ("    needs: run\n", "    need: run\n"),
    ],
)
def test_the_schema_finds_a_slip(tmp_path: Path, old: str, new: str) -> None:
    assert _checked_by_schema(_changed(tmp_path, old, new)) != ""


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        (r"actions/checkout@\w{40} # v6.0.2", "actions/checkout@v6", "unpinned-uses"),
        (r"permissions: {}", "permissions: write-all", "excessive-permissions"),
        (r"run: make setup", "run: make setup ${{ inputs.full_refresh }}", "template-injection"),
        (r"        with:\n          persist-credentials: false\n", "", "artipacked"),
        (r"    environment: production\n", "", "secrets-outside-env"),
        (r"  workflow_dispatch:\n", "  pull_request_target:\n", "dangerous-triggers"),
        (
            r"  SNOWFLAKE_AUTHENTICATOR: .*",
            "  ALL: ${{ toJSON(secrets) }}",
            "overprovisioned-secrets",
        ),
    ],
)
def test_the_security_linter_finds_a_bad_change(
    tmp_path: Path, old: str, new: str, finding: str
) -> None:
    assert finding in _findings(_changed(tmp_path, old, new))


def _changed(folder: Path, old: str, new: str) -> Path:
    text, changes = re.subn(old, lambda _: new, PRODUCTION.read_text(), count=1)
    assert changes == 1
    path = folder / ".github" / "workflows" / "production.yml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_each_job_ends_and_has_no_more_rights_than_it_says(path: Path) -> None:
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    assert "concurrency" in workflow
    for job in workflow["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 120
        writes = {right for right, level in job["permissions"].items() if level == "write"}
        # Who holds credentials cannot write to the repository, and the other way round. Who makes a
        # release of it, or publishes its site, runs nothing of it.
        runs_its_code = any("checkout" in step.get("uses", "") for step in job["steps"])
        published = [{"contents"}, {"id-token", "attestations"}, {"id-token", "pages"}]
        assert writes in (
            *(set(), {"id-token"}, {"issues"}, {"pull-requests"}),
            *([] if runs_its_code else published),
        )


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_each_action_is_pinned_and_says_which_release_it_is(path: Path) -> None:
    uses = [line.strip() for line in path.read_text().splitlines() if "uses:" in line]
    assert uses
    for line in uses:
        assert re.fullmatch(r"(?:- )?uses: [\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line)


def test_a_release_is_one_commit_everywhere() -> None:
    text = "".join(path.read_text() for path in WORKFLOWS)
    pinned = set(re.findall(r"uses: (\S+)@(\w+) # (v\S+)", text))
    assert len(pinned) == len({name for name, _, _ in pinned})


def test_a_production_run_is_never_stopped_halfway() -> None:
    workflow = yaml.safe_load(PRODUCTION.read_text())
    assert workflow["concurrency"] == {"group": "production", "cancel-in-progress": False}
    # YAML reads the key `on` as true.
    assert set(workflow[True]) == {"schedule", "workflow_dispatch"}


def test_pull_requests_get_no_secret_and_no_token_that_writes() -> None:
    path = PROJECT / ".github" / "workflows" / "ci.yml"
    assert "secrets" not in yaml.safe_dump(yaml.safe_load(path.read_text()))
    jobs = yaml.safe_load(path.read_text())["jobs"].values()
    assert [job["permissions"] for job in jobs] == [{"contents": "read"}] * len(jobs)


def test_the_code_of_a_pull_request_runs_without_a_token_that_writes() -> None:
    folder = PROJECT / ".github" / "workflows"
    preview = (folder / "preview.yml").read_text()
    assert "secrets" not in preview
    (job,) = yaml.safe_load(preview)["jobs"].values()
    assert job["permissions"] == {"contents": "read"}
    comment = yaml.safe_load((folder / "preview-comment.yml").read_text())
    assert comment[True]["workflow_run"]["workflows"] == [yaml.safe_load(preview)["name"]]
    (job,) = comment["jobs"].values()
    checkout, keep = job["steps"]
    # Without a `ref`, GitHub checks out the main branch for this trigger.
    assert checkout["with"] == {"persist-credentials": False}
    assert re.findall(r"^\S+", keep["run"], re.MULTILINE) == ["gh", ".github/scripts/comment.sh"]
    assert "${{" not in keep["run"]


def test_each_night_all_tests_are_run() -> None:
    path = PROJECT / ".github" / "workflows" / "nightly-tests.yml"
    workflow = yaml.safe_load(path.read_text())
    assert "schedule" in workflow[True]
    steps = [step.get("run") for step in workflow["jobs"]["test"]["steps"]]
    assert [step for step in steps if step] == ["make test", "make test-nightly"]


@pytest.mark.parametrize("job", ["sqlmesh", "advisories"])
def test_each_week_sqlmesh_and_the_known_vulnerabilities_are_asked_too(job: str) -> None:
    path = PROJECT / ".github" / "workflows" / f"weekly-{job}.yml"
    workflow = yaml.safe_load(path.read_text())
    (schedule,) = workflow[True]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", schedule["cron"])
    steps = [step.get("run") for step in workflow["jobs"][job]["steps"]]
    assert [step for step in steps if step] == [f"make {job}"]


def test_each_week_a_vacuum_runs_as_the_run_does_and_never_beside_it() -> None:
    run = yaml.safe_load(PRODUCTION.read_text())
    vacuum = yaml.safe_load((PRODUCTION.parent / "vacuum.yml").read_text())
    assert vacuum["concurrency"] == run["concurrency"]
    (schedule,) = vacuum[True]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", schedule["cron"])
    job, other = vacuum["jobs"]["vacuum"], run["jobs"]["run"]
    assert (job["if"], job["environment"]) == (other["if"], other["environment"])
    of_files = {f"MOVIELENS_{name}" for name in ("SOURCE", "STAGE", "STAGE_NAME", "READ_STAGE")}
    assert job["env"] == {k: v for k, v in other["env"].items() if k not in of_files}
    (step,) = [step for step in job["steps"] if step.get("name") == "Vacuum"]
    assert "movielens vacuum --target prod" in step["run"]
    (load,) = [step for step in other["steps"] if step.get("id") == "run"]
    assert step["env"].items() <= load["env"].items()


def test_a_release_has_its_bill_of_materials_and_is_off_until_wanted() -> None:
    workflow = yaml.safe_load((PRODUCTION.parent / "release.yml").read_text())
    jobs = dict(workflow["jobs"])
    build = jobs.pop("build")
    assert build["if"] == "vars.MOVIELENS_RELEASES == 'on'"
    assert "make sbom" in [step.get("run") for step in build["steps"]]
    # What may write runs nothing of the project.
    assert build["permissions"] == {"contents": "read"}
    assert set(jobs) == {"attest", "release", "pypi"}
    for name, job in jobs.items():
        assert "build" in job["needs"]
        assert name == "attest" or "attest" in job["needs"]
        used = {step["uses"].partition("@")[0] for step in job["steps"] if "uses" in step}
        assert used <= {"actions/attest-build-provenance", "pypa/gh-action-pypi-publish"}
    # Trusted publishing: no password, and off by itself until wanted.
    assert jobs["pypi"]["if"] == "vars.MOVIELENS_PYPI == 'on'"
    assert jobs["pypi"]["permissions"]["id-token"] == "write"
    assert jobs["pypi"]["environment"] == "pypi"
    assert "secrets" not in (PRODUCTION.parent / "release.yml").read_text()


def test_the_site_is_published_by_its_own_job_and_only_when_wanted() -> None:
    jobs = yaml.safe_load((PRODUCTION.parent / "docs.yml").read_text())["jobs"]
    assert jobs["build"]["if"] == "vars.MOVIELENS_DOCS == 'on'"
    assert jobs["build"]["permissions"] == {"contents": "read"}
    assert "make docs" in [step.get("run") for step in jobs["build"]["steps"]]
    # What may write runs nothing of the project.
    assert jobs["publish"]["needs"] == "build"
    used = [step["uses"].partition("@")[0] for step in jobs["publish"]["steps"]]
    assert used == ["actions/deploy-pages"]


def test_ci_has_every_python_and_both_systems() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    jobs = yaml.safe_load((PROJECT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    matrix = jobs["test"]["strategy"]["matrix"]
    assert matrix["python"] == ["3.11", "3.12", "3.13"]
    assert project["requires-python"] == f">={matrix['python'][0]}"
    assert {machine.partition("-")[0] for machine in matrix["machine"]} == {"ubuntu", "macos"}
    assert jobs["test"]["runs-on"] == "${{ matrix.machine }}"


def test_the_workflow_of_a_project_of_ones_own_is_valid_and_safe(tmp_path: Path) -> None:
    create_project(tmp_path / "mine")
    path = tmp_path / "mine" / ".github" / "workflows" / "movielens.yml"
    assert _checked_by_schema(path) == ""
    assert _findings(path) == set()
    pins = re.findall(r"uses: (\S+ # \S+)", path.read_text())
    assert set(pins) <= set(re.findall(r"uses: (\S+ # \S+)", PRODUCTION.read_text()))
    assert pins


def test_doctor_wakes_no_warehouse_unless_a_run_failed() -> None:
    steps = yaml.safe_load(PRODUCTION.read_text())["jobs"]["run"]["steps"]
    calls = [step for step in steps if "movielens doctor" in step.get("run", "")]
    (doctor,) = calls
    (run,) = [number for number, step in enumerate(steps) if step.get("id") == "run"]
    assert steps.index(doctor) > run
    assert doctor["if"].startswith("failure()")


def test_what_the_workflows_call_is_there() -> None:
    text = "".join(path.read_text() for path in WORKFLOWS)
    called = set(re.findall(r"\.github/scripts/[\w.-]+", text))
    assert called == {
        f".github/scripts/{path.name}" for path in SCRIPTS.iterdir() if path.is_file()
    }
    assert [each.name for each in SCRIPTS.glob("*.sh") if not os.access(each, os.X_OK)] == []
    labels = set(re.findall(r"report\.sh ([\w-]+)", text))
    assert labels == set(re.findall(r"\[([\w-]+)\]=", _array("titles")))


def _array(name: str) -> str:
    text = (SCRIPTS / "report.sh").read_text()
    return text.split(f"declare -A {name}=(")[1].split("\n)")[0]


def test_the_run_uses_users_and_warehouses_of_the_set_up() -> None:
    account = account_after(set_up())
    job = yaml.safe_load(PRODUCTION.read_text())["jobs"]["run"]["env"]
    assert (job["SNOWFLAKE_USER"], job["SNOWFLAKE_ROLE"]) == (TRANSFORMER, TRANSFORMER)
    assert (job["SNOWFLAKE_LOADER_USER"], job["SNOWFLAKE_LOADER_ROLE"]) == (LOADER, LOADER)
    for user in (TRANSFORMER, LOADER):
        settings = account.need("USER", user).settings
        assert settings["DEFAULT_WAREHOUSE"] == job["SNOWFLAKE_WAREHOUSE"]
        audiences = settings["WORKLOAD_IDENTITY"]
        assert isinstance(audiences, dict)
        assert f"{user.lower().replace('_', '-')}" in (SCRIPTS / "snowflake-tokens.sh").read_text()
    assert DASHBOARD not in PRODUCTION.read_text()


# What the scripts do


class GitHub:
    """Stand-ins for the outside world: `gh` on the PATH, and a server for everything else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[tuple[str, str]] = []
        self.issues = folder / "issues.json"
        self.runs: list[dict[str, Any]] = []
        program = folder / "bin" / "gh"
        program.parent.mkdir()
        program.write_text(GH.format(python=sys.executable))
        program.chmod(0o755)

    def call(self, script: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        # Programs of the system, and none of its secrets.
        own = {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "ISSUES": str(self.issues),
            "RUNS": json.dumps(self.runs),
            "GH_REPO": "anna/films",
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_ENV": str(self.folder / "env"),
            "RUNNER_TEMP": str(self.folder),
            "RUN_URL": "https://example.org/run/1",
        }
        return _run(SCRIPTS / script, *arguments, cwd=self.folder, env={**own, **env})

    def state(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.issues.read_text())
        return found


GH = """#!{python}
import json, os, subprocess, sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

issues = Path(os.environ["ISSUES"])
known = json.loads(issues.read_text()) if issues.exists() else []
arguments = sys.argv[1:]
option = lambda name: arguments[arguments.index(name) + 1]
match arguments[:2]:
    case ["issue", "list"]:
        wanted = (option("--label"), option("--state"))
        found = [n for n, i in enumerate(known, 1) if (i["label"], i["state"]) == wanted]
        print(*found[:1])
    case ["issue", "create"]:
        new = dict(title=option("--title"), label=option("--label"), comments=[option("--body")])
        known.append(dict(new, state="open"))
    case ["issue", "comment"]:
        known[int(arguments[2]) - 1]["comments"].append(option("--body"))
    case ["issue", "close"]:
        issue = known[int(arguments[2]) - 1]
        issue["state"] = "closed"
        issue["comments"].append(option("--comment"))
    case ["api", "repos/anna/films/pulls/7"]:
        print("c0ffee")
    case ["api", "repos/anna/films/issues/7/comments"]:
        print(*[1][: len(known)])
    case ["api", "--method"]:
        body = Path(option("-F").removeprefix("body=@")).read_text()
        new = option("--method") == "POST"
        known = [*known, body] if new else [body, *known[1:]]
    case ["api", path]:
        # As GitHub filters: by workflow, by the name of a run's branch, by how it ended.
        runs = json.loads(os.environ["RUNS"])
        address = urlsplit(path)
        asked = {{name: value for name, [value] in parse_qs(address.query).items()}}
        if address.path == "repos/anna/films/actions/workflows/production.yml/runs":
            shown = [
                run for run in runs
                if run["path"] == ".github/workflows/production.yml"
                and run["head_branch"] == asked["branch"] and run["conclusion"] == asked["status"]
            ]
            answer = {{"workflow_runs": shown}}
        else:
            number = int(address.path.removesuffix("/artifacts").rpartition("/")[2])
            (run,) = [run for run in runs if run["id"] == number]
            has = [each for each in run["artifacts"] if each["name"] == asked["name"]]
            answer = {{"artifacts": has}}
        jq = ["jq", "-r", option("--jq")]
        subprocess.run(jq, input=json.dumps(answer), text=True, check=True)
    case ["label", "create"]:
        pass
    case _:
        sys.exit("gh has no " + " ".join(arguments))
issues.write_text(json.dumps(known))
"""


@pytest.fixture
def github(tmp_path: Path) -> GitHub:
    return GitHub(tmp_path)


@pytest.fixture
def server(github: GitHub) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            github.asked.append((self.path, self.headers.get("Authorization", "")))
            audience = parse_qs(urlsplit(self.path).query).get("audience", [""])[0]
            self._answer({"value": f"token {len(github.asked)} of {audience}"})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            github.asked.append((self.path, json.loads(body)["text"]))
            self._answer({})

        def _answer(self, content: dict[str, str]) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            pass

    local = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=local.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{local.server_port}"
    local.shutdown()


def test_one_comment_is_kept_up_to_date(github: GitHub, tmp_path: Path) -> None:
    def comment(text: str, number: str = "7", sha: str = "c0ffee") -> int:
        (tmp_path / "preview.md").write_text(text)
        return github.call("comment.sh", number, "preview.md", HEAD_SHA=sha).returncode

    assert comment("### Plan") == 0
    assert comment("### Plan\n<!-- hidden --> @anna look") == 0
    assert comment("of an earlier commit", sha="0ddba11") == 0
    assert comment("elsewhere", number="7/../8") == 1
    (told,) = map(str, github.state())
    assert told.startswith("<!-- preview -->\n### Plan\n&lt;!-- hidden")
    assert "@\u200banna" in told
    assert "https://example.org/run/1" in told
    assert comment("x" * 100_000) == 0
    assert len(str(github.state()[0])) < 65_536


def test_one_issue_is_opened_continued_and_closed(github: GitHub, server: str) -> None:
    def report(result: str, code: str) -> None:
        done = github.call(
            "report.sh",
            "production-run",
            RESULT=result,
            CODE=code,
            WEBHOOK_URL=f"{server}/webhook",
            HEARTBEAT_URL=f"{server}/heartbeat",
        )
        assert done.returncode == 0, done.stderr

    report("success", "0")
    assert github.state() == []
    report("failure", "3")
    report("failure", "4")
    report("cancelled", "")
    (issue,) = github.state()
    assert issue["state"] == "open"
    assert (
        "The audit failed or the release was held back; nothing was published"
        in issue["comments"][0]
    )
    assert "rejected" in issue["comments"][1]
    assert "It ended early (cancelled)." in issue["comments"][2]
    report("success", "75")
    assert github.state()[0]["state"] == "open"
    report("success", "0")
    report("failure", "1")
    assert [each["state"] for each in github.state()] == ["closed", "open"]
    sent = [(path, text.split(".")[0]) for path, text in github.asked]
    assert sent == [
        ("/heartbeat", ""),
        ("/webhook", "The production run is failing"),
        ("/webhook", "Resolved: The production run is failing"),
        ("/heartbeat", ""),
        ("/webhook", "The production run is failing"),
    ]


@pytest.mark.parametrize("label", re.findall(r"\[([\w-]+)\]=", _array("titles")))
def test_each_report_has_its_own_issue(github: GitHub, label: str) -> None:
    other = {"title": "Another", "label": "another", "comments": [], "state": "open"}
    github.issues.write_text(json.dumps([other]))
    done = github.call("report.sh", label, RESULT="failure", CODE="1")
    assert done.returncode == 0, done.stderr
    assert github.state()[0] == other
    assert github.state()[1]["label"] == label


@pytest.mark.parametrize(
    ("code", "exit_code"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (75, 0), (130, 130)]
)
def test_another_run_at_work_is_no_failure_of_the_schedule(
    github: GitHub, code: int, exit_code: int
) -> None:
    _install(github, f'echo "$@"\nexit {code}')
    asked = "run --target prod --json --outline outline.json"

    def call(**env: str) -> tuple[int, str]:
        done = github.call("run.sh", **env)
        # It wrote no outline, so its log is shown.
        return done.returncode, done.stderr.strip()

    assert call(FULL_REFRESH="true") == (exit_code, f"{asked} --full-refresh")
    assert (github.folder / "output").read_text() == f"code={code}\n"
    assert call(ACCEPT_RELEASE="true") == (exit_code, f"{asked} --accept-release")
    assert call(FULL_REFRESH="", ACCEPT_RELEASE="false") == (exit_code, asked)


def _install(github: GitHub, script: str) -> None:
    """Puts a shell script where the job has `movielens`."""
    program = github.folder / ".venv" / "bin" / "movielens"
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/bash\n{script}\n")
    program.chmod(0o755)


@pytest.mark.parametrize(("age", "exit_code"), [(None, 1), (1, 0), (35, 0), (38, 1), (24 * 400, 1)])
def test_runs_that_never_started_are_noticed(
    github: GitHub, age: int | None, exit_code: int
) -> None:
    if age is not None:
        github.runs = [_run_of(age)]
    done = github.call("watch.sh", MAX_AGE_HOURS="36", DEFAULT_BRANCH="main")
    assert done.returncode == exit_code, done.stderr
    assert ("has succeeded yet" if age is None else f"{age} hours ago") in done.stdout


def _run_of(age: int, artifact: str = "production-done", **other: object) -> dict[str, object]:
    """A run of GitHub's API, that many hours old."""
    then = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - age * 3600))
    return {
        "id": age,
        "path": ".github/workflows/production.yml",
        "event": "schedule",
        "head_branch": "main",
        "head_repository": {"full_name": "anna/films"},
        "conclusion": "success",
        "artifacts": [{"name": artifact, "created_at": then}],
        **other,
    }


@pytest.mark.parametrize(
    "other",
    [
        {"path": ".github/workflows/ci.yml"},
        {"head_branch": "a-branch"},
        {"event": "pull_request"},
        {"event": "push"},
        {"head_repository": {"full_name": "eve/films"}},
        {"conclusion": "failure"},
        {"artifact": "production-not-done"},  # green, because another run was in progress
        {"artifacts": []},
    ],
    ids=str,
)
def test_no_other_run_silences_the_watch(github: GitHub, other: dict[str, Any]) -> None:
    github.runs = [_run_of(1, **other), _run_of(50)]
    done = github.call("watch.sh", MAX_AGE_HOURS="36", DEFAULT_BRANCH="main")
    assert (done.returncode, "50 hours ago" in done.stdout) == (1, True), done.stderr
    github.runs.append(_run_of(2))
    github.runs.sort(key=lambda run: run["id"])
    done = github.call("watch.sh", MAX_AGE_HOURS="36", DEFAULT_BRANCH="main")
    assert (done.returncode, "2 hours ago" in done.stdout) == (0, True), done.stderr


def test_each_user_has_a_token_of_its_own_that_is_kept_fresh(github: GitHub, server: str) -> None:
    done = github.call(
        "snowflake-tokens.sh",
        ACTIONS_ID_TOKEN_REQUEST_URL=f"{server}/token?api-version=2",
        ACTIONS_ID_TOKEN_REQUEST_TOKEN="of the job",
        EVERY="0.2",
    )
    assert done.returncode == 0, done.stderr
    named = dict(line.split("=") for line in (github.folder / "env").read_text().splitlines())
    transformer = Path(named["SNOWFLAKE_TOKEN_FILE_PATH"])
    loader = Path(named["SNOWFLAKE_LOADER_TOKEN_FILE_PATH"])
    try:
        first = transformer.read_text()
        assert first.strip().endswith("of movielens-transformer")
        assert loader.read_text().strip().endswith("of movielens-loader")
        assert {authorization for _, authorization in github.asked} == {"bearer of the job"}
        deadline = time.monotonic() + 20
        while transformer.read_text() == first:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert transformer.stat().st_mode & 0o077 == 0
    finally:
        # It writes until its folder is gone, as the job's is when the job is over.
        os.kill(int((github.folder / "snowflake" / "pid").read_text()), 15)


# What others may read: the job's log, its page and what it uploads

# In cells, and in a header; nowhere else.
SECRET = "foryoureyes99"
# What a contributor adds to the project: a test that fails, a model that breaks on a cell.
_AUDIT, _MODEL = "tests/data/assert_quoting.sql", "models/mart/mart_tag.sql"
_BREAKS = {
    _AUDIT: f"select tag from {{{{ ref('fct_tags') }}}} where tag like '%{SECRET[:5]}%'",
    _MODEL: (PROJECT / _MODEL).read_text().replace("cast(tags.n_people", "cast(tags.tag"),
}


def _told(github: GitHub, code: str) -> str:
    """Everything that a job shows to others after run.sh; what it keeps to itself quotes cells."""
    kept = [*github.folder.glob("run.*/run.json"), *github.folder.glob("run.*/run.log")]
    assert SECRET in "".join(path.read_text() for path in kept).lower()
    steps = yaml.safe_load(PRODUCTION.read_text())["jobs"]["run"]["steps"]
    (upload,) = [
        step["with"]["path"] for step in steps if "upload-artifact" in step.get("uses", "")
    ]
    uploaded = [path for name in upload.split() for path in github.folder.glob(name)]
    assert uploaded
    files = [path for each in uploaded for path in (each.rglob("*") if each.is_dir() else [each])]
    told = "".join(path.read_text() for path in files) + _summary(github.folder)
    assert f"(exit code {code})" in told
    for path in kept:
        path.unlink()
    return told


@pytest.mark.slow
@pytest.mark.parametrize(("file", "code"), [(_AUDIT, "3"), (_MODEL, "1")])
def test_no_cell_and_no_row_leaves_the_job(
    github: GitHub, tmp_path: Path, cli: Cli, file: str, code: str
) -> None:
    zone = tmp_path / "zone"
    cli.json("data", "generate", zone, "--ratings", 1000)
    columns = f"userId,movieId,rating,timestamp,{SECRET}\n"
    (zone / "ratings-odd.csv").write_text(f"{columns}1,2,3.5,1000000000,{SECRET}\n")
    (zone / "ratings-broken.csv").write_text(f"{SECRET},of,this\n1,2,3\n")
    (zone / "ratings-bad.csv").write_text(f"{columns}{SECRET},2,3.5,1000000000,x\n")
    tags = f"userId,movieId,tag,timestamp\n1,1,{SECRET},1000000000\n2,1,{SECRET},1000000000\n"
    (zone / "tags.csv").write_text(f"{tags}{SECRET},1,x,1000000000\n")
    _install(github, f'exec "{PROGRAM}" "${{@/prod/dev}}"')
    settings = {
        "MOVIELENS_SOURCE": str(zone),
        "MOVIELENS_REJECT_SHARE": "0.5",
        "MOVIELENS_PROJECT": str(copy_of_the_project(tmp_path / "project")),
    }
    done = github.call("run.sh", **settings)
    assert done.returncode == 4, done.stderr
    told = done.stdout + done.stderr + _told(github, "4")
    assert "ratings-broken.csv" in told
    (tmp_path / "project" / file).write_text(_BREAKS[file])
    done = github.call("run.sh", **settings)
    assert done.returncode == int(code), done.stderr
    told += done.stdout + done.stderr + _told(github, code)
    assert Path(file).stem in told
    assert SECRET not in told.lower()


def _summary(folder: Path) -> str:
    done = _run(sys.executable, SCRIPTS / "summary.py", folder / "outline.json")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_summary_of_a_run_a_second_one_and_a_failed_one(tmp_path: Path, cli: Cli) -> None:
    cli.json("data", "generate", tmp_path / "zone", "--ratings", 1000)
    (tmp_path / "zone" / "ratings-broken.csv").write_text("nothing,of,this\n1,2,3\n")
    for exit_code, source, expected in (
        (4, "zone", ["### Done (exit code 4)", "| Files refused | 1 |", "- refused: <code>"]),
        (4, "zone", ["| Models built | none, nothing changed |", "| Rows loaded | 0 |"]),
        (2, "nowhere", ["### Failed (exit code 2)", "SourceError"]),
    ):
        outline = ("--outline", tmp_path / "outline.json")
        answer = cli.json("run", "--source", tmp_path / source, *outline, exit_code=exit_code)
        told = json.loads((tmp_path / "outline.json").read_text())
        assert (told["exit_code"], answer["exit_code"]) == (exit_code, exit_code)
        said = _summary(tmp_path)
        assert [each for each in expected if each not in said] == [], said


def test_the_summary_of_a_run_that_never_began(tmp_path: Path) -> None:
    assert _summary(tmp_path).startswith("### No run")
    (tmp_path / "outline.json").write_text("")
    assert _summary(tmp_path).startswith("### No run")


@pytest.mark.parametrize(
    "name",
    [
        "ratings`](https://evil.example)`.csv",
        "ratings-<img src=x onerror=alert(1)>.csv",
        "ratings-\n\n# A heading\n- @everyone ![x](y) **bold** | a | b |.csv",
        "ratings</code><script>.csv",
        "ratings-&#96;www.evil.example_a_b_&lt;.csv",
    ],
)
def test_text_of_others_is_no_markdown(name: str, tmp_path: Path) -> None:
    failure = {"test": name, "table": name, "rows": 1}
    files = [{"path": name, "status": "refused", "rows": 0, "rejected": 0}]
    build = {"built": True, "models": 1, "tests_passed": 1, "tests_warned": 0}
    published = {"version": "1", "before": None}
    outlines = [
        {
            **{"outcome": "done", "exit_code": 4, "seconds": 1.0, "files": files},
            **{"build": build, "publish": published},
        },
        {"outcome": "AuditFailure", "exit_code": 3, "failures": [failure]},
        {"outcome": name, "exit_code": 1, "message": name, "raised": [name], "models": [name]},
    ]
    for outline in outlines:
        (tmp_path / "outline.json").write_text(json.dumps(outline))
        parser = MarkdownIt("gfm-like", {"linkify": False}).disable("linkify")
        for token in parser.parse(_summary(tmp_path)):
            assert token.type not in {"html_block", "fence", "code_block"}
            for each in token.children or []:
                known = {"text", "html_inline", "softbreak", "text_special"}
                # The summary's own words.
                assert each.type in known or each.content == "movielens load", each
                assert each.type != "html_inline" or each.content in {"<code>", "</code>"}
        # The table of a run that is done has its columns and its rows, and no more.
        assert _summary(tmp_path).count("|") in (0, 3 * 12)
        headings = [each for each in _summary(tmp_path).splitlines() if each.startswith("#")]
        assert len(headings) == 1
