"""The commands that start the local stand-ins."""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from ingestion.cli.command import Context, command
from ingestion.signals import TERMINATED, Terminated

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

_PORT = click.IntRange(1, 65535)


def _serve(context: Context, server: AbstractContextManager[dict[str, str]]) -> int:
    """Prints how to reach a server, and runs it until Ctrl-C or SIGTERM."""
    from ingestion.errors import SettingsError

    with ExitStack() as stack:
        try:
            variables = stack.enter_context(server)
        except OSError as error:
            raise SettingsError(
                f"The stand-in cannot start ({error})", "choose another port with --port"
            ) from None
        exports = [f"export {name}={value}" for name, value in variables.items()]
        try:
            context.result({"variables": variables}, exports)
            sys.stdout.flush()
            click.echo("Ctrl-C stops it", err=True)
            threading.Event().wait()
        except Terminated:
            return TERMINATED
        except KeyboardInterrupt:
            return 0
    return 0


def _check_installed() -> None:
    from importlib.util import find_spec

    from ingestion.errors import SettingsError

    if find_spec("fakesnow") is None or find_spec("moto") is None:
        raise SettingsError(
            "The stand-ins are not installed",
            'install the extra: pip install "movielens-warehouse[stand-ins]"',
        )


@command("dev snowflake")
@click.option("--port", type=_PORT, default=8900, show_default=True)
@click.option("--state", type=click.Path(file_okay=False), help="Folder to keep the databases in.")
@click.option(
    "--set-up",
    type=click.Path(exists=True, file_okay=False),
    help="Folder like infra/snowflake: its users and roles may do what it grants, and no more.",
)
def snowflake(context: Context, port: int, state: str | None, set_up: str | None) -> int:
    """Start a stand-in for Snowflake, and print the settings to reach it.

    It accepts only the key that it creates in the home folder. Its data is lost when it stops,
    unless --state names a folder.

    Example: movielens dev snowflake --state .movielens/snowflake
    """
    from pathlib import Path

    _check_installed()
    from local_dev.snowflake import snowflake_server

    folder = context.settings.home / "snowflake-key"
    folder.mkdir(parents=True, exist_ok=True)
    kept, granted = (Path(path).absolute() if path else None for path in (state, set_up))
    return _serve(context, snowflake_server(kept, port=port, keys=folder, set_up=granted))


@command("dev s3")
@click.option("--port", type=_PORT, default=8901, show_default=True)
@click.option("--sample/--no-sample", default=True, help="Fill the bucket with sample data.")
def s3(context: Context, port: int, sample: bool) -> int:
    """Start a stand-in for S3 with a bucket of sample data, and print the settings to reach it.

    Example: movielens dev s3 --port 9000
    """
    _check_installed()
    from local_dev.s3 import s3_server

    return _serve(context, s3_server(port=port, sample=sample))
