"""The command that serves the dashboard."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ingestion.cli.command import Context, command
from ingestion.signals import TERMINATED, Terminated, running

if TYPE_CHECKING:
    from ingestion.build.environments import Environment
    from ingestion.settings import Settings


def serve(
    settings: Settings, port: int, address: str = "127.0.0.1", preview: Environment | None = None
) -> int:
    """Serves the dashboard until it is interrupted.

    Args:
        settings: Which marts.
        port: The port to listen on.
        address: The address to listen on; by default this machine only.
        preview: Shows what this environment shows now, in place of the published marts.

    Returns:
        0 after Ctrl-C, 143 after SIGTERM, else Streamlit's own code.

    Raises:
        SettingsError: If nothing is published, or Streamlit is not installed.
    """
    from ingestion.engine import engine_of
    from ingestion.errors import SettingsError
    from ingestion.remedies import command as command_line

    # Looked up, not imported: this process hides it from its own imports.
    installed = PathFinder.find_spec("dashboard")
    if PathFinder.find_spec("streamlit") is None or installed is None or not installed.origin:
        raise SettingsError(
            "The dashboard is not installed",
            'install the extra: pip install "movielens-warehouse[dashboard]"',
        )
    opened = engine_of(settings).marts_file
    if preview is not None:
        _write_preview(settings, preview)
    elif opened is not None and not opened.exists():
        raise SettingsError(
            "Nothing is published yet", f"{command_line('demo')}, or {command_line('run')}"
        )
    import os

    from dotenv import dotenv_values

    from ingestion.project import installed_project

    # Its settings are in this folder's .env; Streamlit's are where it starts.
    environment = {
        **{name: value for name, value in dotenv_values(".env").items() if value},
        **{name: value for name, value in os.environ.items() if value},
        "MOVIELENS_HOME": str(settings.home),
        "MOVIELENS_TARGET": settings.target,
        "MOVIELENS_ENVIRONMENT": preview.name if preview else "",
    }
    app = Path(installed.origin).with_name("server.py")
    where = ["--server.port", str(port), "--server.address", address]
    command = [sys.executable, "-m", "streamlit", "run", str(app), *where]
    click.echo(f"Dashboard:  http://{address}:{port}  (Ctrl-C stops it)", err=True)
    try:
        with running(command, env=environment, cwd=installed_project()) as process:
            return process.wait()
    except Terminated:
        return TERMINATED
    except KeyboardInterrupt:
        return 0


def _write_preview(settings: Settings, environment: Environment) -> None:
    from ingestion.engine import engine_of
    from ingestion.plan.diff import place_of

    engine = engine_of(settings)
    (schema,) = place_of(engine.looked_at(), environment).schemas
    engine.preview(schema, settings.home / "environments" / f"{environment.name}.duckdb")


@command("dashboard")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
@click.option("--address", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--env", metavar="ENV", help="Preview an environment; every page says so.")
def dashboard(context: Context, port: int, address: str, env: str | None) -> int:
    """Serve the dashboard on the published marts, or on those that an environment shows.

    Example: movielens dashboard --port 8600
    """
    from ingestion.build.environments import environment_named

    preview = environment_named(env) if env is not None else None
    is_preview = preview is not None and not preview.is_production
    return serve(context.settings, port, address, preview if is_preview else None)
