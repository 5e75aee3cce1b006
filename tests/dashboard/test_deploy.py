"""What a host installs, copies, starts and shows."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from contextlib import ExitStack
from pathlib import Path

import pytest
import streamlit
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from dashboard.settings import Settings
from ingestion.warehouse.snowflake_login import SnowflakeSettings
from local_dev.servers import free_port, process_on
from tests.support import documented_proxy, marts_fixture
from tests.support.cli import Cli
from tests.support.marks import slow_except
from tests.support.streamlit_session import Answer, Visitor

PROJECT = marts_fixture.PROJECT
DOCKERFILE = (PROJECT / "Dockerfile").read_text(encoding="utf-8")
PAGE = (PROJECT / "docs" / "dashboard.md").read_text(encoding="utf-8")
SMALL = PROJECT / "dashboard" / "requirements.txt"
WITH_SNOWFLAKE = PROJECT / "dashboard" / "requirements-snowflake.txt"


def instructions(name: str) -> list[str]:
    lines = DOCKERFILE.replace("\\\n", " ").splitlines()
    return [line.partition(" ")[2].strip() for line in lines if line.startswith(f"{name} ")]


def wanted(file: Path) -> list[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    included = [name for line in lines if line.startswith("-r ") for name in [line[3:]]]
    own = [line for line in lines if line and not line.startswith(("#", "-r"))]
    return own + [line for name in included for line in wanted(file.parent / name)]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the image is made of."""
    folder = tmp_path_factory.mktemp("image")
    for copy in instructions("COPY"):
        *sources, to = copy.split()
        for source in sources:
            target = folder / to
            if (PROJECT / source).is_dir():
                ignored = shutil.ignore_patterns("__pycache__")
                shutil.copytree(PROJECT / source, target, dirs_exist_ok=True, ignore=ignored)
            else:
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy2(PROJECT / source, target)
    return folder


@pytest.mark.slow
def test_the_image_serves_a_page_and_answers_a_change(
    image: Path, published: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    home.mkdir()
    port = free_port()
    given = dict(part.split("=", 1) for env in instructions("ENV") for part in shlex.split(env))
    assert given["HOME"] == "/tmp"  # the one place that the documented command lets it write to
    own = {
        **given,
        "HOME": str(home),
        "STREAMLIT_SERVER_PORT": str(port),
        "STREAMLIT_SERVER_ADDRESS": "127.0.0.1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    for name in ("MOVIELENS_TARGET", "MOVIELENS_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(image)
    # As on a host that has secrets and no variables: Streamlit makes variables of them.
    secrets = image / ".streamlit" / "secrets.toml"
    secrets.write_text(f'MOVIELENS_HOME = "{published}"\n', encoding="utf-8")
    command = json.loads(instructions("CMD")[-1])
    before = {path: path.stat().st_mtime_ns for path in image.rglob("*")}
    with process_on(port, command):
        first, changed = asyncio.run(visited(port))
        check = re.search(r'CMD (\[.*"-c".*\])$', DOCKERFILE, re.MULTILINE)
        assert check
        assert subprocess.run(json.loads(check[1]), check=False).returncode == 0
    # The image's root is read-only, so nothing may be written beside the pages.
    assert {path: path.stat().st_mtime_ns for path in image.rglob("*")} == before
    secrets.unlink()
    failed = subprocess.run(json.loads(check[1]), check=False, capture_output=True)
    assert failed.returncode != 0
    assert "571 ratings of 20 films by 40 people." in first.texts
    assert first.failures == changed.failures == []
    assert any("Horror, all years, at least 10 ratings" in text for text in changed.texts)
    assert not any("Horror, all years, at least 10 ratings" in text for text in first.texts)
    assert first.bytes < 300_000


def test_the_command_line_serves_what_is_published_in_snowflake(cli: Cli) -> None:
    """No file is needed; the pages say that the address does not answer."""
    port = free_port()
    nowhere = {"SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_PORT": "9", "SNOWFLAKE_USER": "U"}
    process = cli.start("dashboard", "--port", port, env={**nowhere, "MOVIELENS_TARGET": "prod"})
    try:
        assert process.stderr is not None
        assert "http://127.0.0.1" in process.stderr.readline()
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)


async def visited(port: int) -> tuple[Answer, Answer]:
    async with Visitor(port) as visitor:
        return await visitor.load(), await visitor.change(Genre="Horror")


_IMPORTED = """
import sys
sys.path.insert(0, sys.argv[1])
import logging; logging.disable(logging.WARNING)
if sys.argv[2] == "prod":
    from dashboard import marts_snowflake
    marts_snowflake._client()
from streamlit.testing.v1 import AppTest
app = AppTest.from_file(sys.argv[1] + "/dashboard/app.py", default_timeout=60).run()
own = {name: sys.modules[name].__file__ for name in sys.modules
       if name.split(".")[0] in ("dashboard", "ingestion", "local_dev")}
assert all(path.startswith(sys.argv[1]) for path in own.values()), own
from importlib.metadata import packages_distributions
of = packages_distributions()
tops = {name.split(".")[0] for name in sys.modules}
print("\\n".join(sorted({dist for top in tops for dist in of.get(top, [])})))
"""


@pytest.mark.parametrize("target", slow_except("dev", ["dev", "prod"]))
def test_pages_import_nothing_of_the_pipeline(image: Path, published: Path, target: str) -> None:
    without_login = {name: value for name, value in os.environ.items() if "SNOWFLAKE" not in name}
    done = subprocess.run(
        [sys.executable, "-P", "-c", _IMPORTED, str(image), target],
        env={**without_login, "MOVIELENS_HOME": str(published), "MOVIELENS_TARGET": target},
        cwd=image,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    imported = set(done.stdout.split())
    assert {"streamlit", "pandas", "pyarrow"} <= imported
    assert not imported & {"dlt", "dbt-core", "dbt-adapters", "fakesnow", "moto"}
    assert ("duckdb" in imported, "snowflake-connector-python" in imported) == (
        (True, False) if target == "dev" else (False, True)
    )


def test_requirements_are_small_and_those_of_the_lock_file() -> None:
    locked = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    lines = wanted(WITH_SNOWFLAKE)
    assert {line.split("==")[0] for line in lines} == {
        "altair", "cachetools", "duckdb", "pandas", "pyarrow", "pydantic-settings", "rapidfuzz",
        "streamlit", "snowflake-connector-python",
    }  # fmt: skip
    for line in lines:
        assert re.search(rf"^{re.escape(line)}(?= |$)", locked, re.MULTILINE), line


def test_the_image_copies_what_is_there_and_runs_without_rights() -> None:
    ignored = (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored
    for copy in instructions("COPY"):
        *sources, _ = copy.split()
        for source in sources:
            assert (PROJECT / source).exists()
            path = source.rstrip("/")
            assert any(path == name or path.startswith(f"{name}/") for name in let_in), source
    assert all((PROJECT / name).exists() for name in let_in)
    assert instructions("USER")[-1] == "10001"
    last_user = DOCKERFILE.rindex("\nUSER ")
    assert not re.search(r"^(RUN|COPY|ADD) ", DOCKERFILE[last_user + 1 :], re.MULTILINE)
    assert not re.search(r"\b(dlt|dbt|latest|curl|wget)\b", " ".join(instructions("RUN")))
    (base,) = instructions("FROM")
    assert re.fullmatch(r"python:3\.12-slim@sha256:[0-9a-f]{64}", base)
    (install,) = [each for each in instructions("RUN") if "pip install" in each]
    assert "--require-hashes" in install


def _locked(file: Path) -> dict[str, set[str]]:
    """The hashes of each package and version."""
    found: dict[str, set[str]] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if pinned := re.match(r"([\w.-]+==[^\s;]+)", line):
            hashes = found[pinned[1]] = set()
        elif digest := re.search(r"--hash=(sha256:\w+)", line):
            hashes.add(digest[1])
    return found


@pytest.mark.parametrize("file", [SMALL, WITH_SNOWFLAKE], ids=lambda file: file.stem)
def test_the_image_installs_what_is_locked_for_all(file: Path) -> None:
    image, whole = _locked(file.with_suffix(".lock")), _locked(PROJECT / "requirements.lock")
    assert {*wanted(file)} <= image.keys()
    assert [each for each, hashes in image.items() if whole.get(each) != hashes] == []


def test_the_secrets_example_names_settings_that_exist() -> None:
    text = (PROJECT / ".streamlit" / "secrets.toml.example").read_text(encoding="utf-8")
    known = {f"MOVIELENS_{name}".upper() for name in Settings.model_fields}
    known |= {f"SNOWFLAKE_{name}".upper() for name in SnowflakeSettings.model_fields}
    assert set(tomllib.loads(text)) <= known
    assert "BEGIN" not in text
    named = set(re.findall(r"`((?:MOVIELENS|SNOWFLAKE)_[A-Z_]+)`", PAGE))
    assert named <= known
    assert ".streamlit/secrets.toml" in (PROJECT / ".gitignore").read_text().splitlines()


def test_the_policy_lets_streamlit_s_own_script_run_and_no_other() -> None:
    page = Path(streamlit.__file__).parent / "static" / "index.html"
    inline = re.findall(r"<script>(.*?)</script>", page.read_text(encoding="utf-8"), re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()).decode() for each in inline]
    policies = re.findall(r'Content-Security-Policy "([^"]+)"', PAGE)
    assert len(policies) == 2
    assert len(set(policies)) == 1
    assert re.findall(r"'sha256-([^']+)'", policies[0]) == digests
    scripts = re.search(r"script-src ([^;]+)", policies[0])
    assert scripts
    # Streamlit runs the site's own script, which scrolls to the top, from a blob.
    assert scripts[1].split() == ["'self'", f"'sha256-{digests[0]}'", "'unsafe-eval'", "blob:"]
    assert "frame-ancestors 'none'" in policies[0]
    assert not re.search(r"https?:|\*", policies[0])


def _process_of(answer: http.client.HTTPResponse) -> str:
    (cookie,) = answer.headers.get_all("Set-Cookie", [])[-1:]
    assert {"Path=/", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
    return cookie.split(";")[0]


def _get(port: int, path: str, cookie: str = "") -> tuple[int, http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Cookie": cookie} if cookie else {})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status, answer


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("nginx") is None, reason="needs nginx: apt-get install nginx-light"
)
def test_visitors_stay_with_their_process_behind_the_documented_nginx(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOVIELENS_HOME", str(published))
    monkeypatch.delenv("MOVIELENS_TARGET", raising=False)
    app = str(PROJECT / "dashboard" / "server.py")
    with ExitStack() as running:
        ports, servers = [free_port(), free_port()], []
        for port in ports:
            where = ["--server.port", str(port), "--server.address", "127.0.0.1"]
            command = [sys.executable, "-m", "streamlit", "run", app, *where]
            servers.append(running.enter_context(process_on(port, command)))
        proxy, _ = running.enter_context(documented_proxy.nginx(tmp_path, ports))
        health = "/_stcore/health"
        both = {_process_of(_get(proxy, health)[1]) for _ in range(4)}
        assert both == {"process=first", "process=second"}
        for cookie in both:
            assert {_process_of(_get(proxy, health, cookie)[1]) for _ in range(4)} == {cookie}
        first, changed = asyncio.run(visited(proxy))
        status, page = _get(proxy, "/")
        assert (status, page.headers["X-Frame-Options"]) == (200, "DENY")
        assert _get(proxy, "/_stcore/metrics")[0] == 404
        servers[0].terminate()
        servers[0].wait(timeout=30)
        # Whoever was there is served by the other one from now on.
        status, answer = _get(proxy, health, "process=first")
        assert (status, _process_of(answer)) == (200, "process=second")
    assert "571 ratings of 20 films by 40 people." in first.texts
    assert first.failures == changed.failures == []
    assert any("Horror, all years, at least 10 ratings" in text for text in changed.texts)


@pytest.mark.skipif(shutil.which("caddy") is None, reason="needs caddy: apt-get install caddy")
def test_caddy_accepts_the_documented_configuration(tmp_path: Path) -> None:
    (documented,) = re.findall(r"^```\n(dashboard\.example\.org .*?)^```", PAGE, re.M | re.S)
    (tmp_path / "Caddyfile").write_text(documented, encoding="utf-8")
    adapt = ["caddy", "adapt", "--adapter", "caddyfile", "--config", "Caddyfile"]
    done = subprocess.run(adapt, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert '"selection_policy":{"name":"process","policy":"cookie"}' in done.stdout


async def _late(seconds: float) -> bool:
    """Opens a page of a server that listens, and answers only after some seconds."""

    async def handle(connection: ServerConnection) -> None:
        await connection.wait_closed()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        visitor = Visitor(listening.getsockname()[1])
        opening = asyncio.create_task(visitor.__aenter__())
        await asyncio.sleep(seconds)
        async with serve(handle, sock=listening, subprotocols=[Subprotocol("streamlit")]):
            opened = await opening is visitor
            await visitor.__aexit__(None, None, None)
    return opened


@pytest.mark.slow
def test_a_visitor_waits_for_a_server_that_listens_but_is_not_ready() -> None:
    assert asyncio.run(_late(11))  # websockets' own patience is ten seconds


@pytest.mark.slow
def test_the_requirements_alone_serve_a_page(image: Path, published: Path, tmp_path: Path) -> None:
    """A fresh environment with nothing but dashboard/requirements.lock: it names all."""
    python = tmp_path / "venv" / "bin" / "python"
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([uv, "venv", "--quiet", tmp_path / "venv"], check=True)
    lock = SMALL.with_suffix(".lock")
    # As pip does on a host: else the server compiles while its first visitor waits.
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
    subprocess.run([*install, "--require-hashes", "-r", lock], check=True)
    port = free_port()
    with pytest.MonkeyPatch.context() as environment:
        environment.chdir(image)
        environment.setenv("MOVIELENS_HOME", str(published))
        where = ["--server.port", str(port), "--server.address", "127.0.0.1"]
        with process_on(
            port, [str(python), "-P", "-m", "streamlit", "run", "dashboard/server.py", *where]
        ):
            first, changed = asyncio.run(visited(port))
    assert "571 ratings of 20 films by 40 people." in first.texts
    assert first.failures == changed.failures == []
