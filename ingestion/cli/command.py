"""Shared by all commands: options, settings, errors and exit codes."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Callable
from importlib.abc import MetaPathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ingestion.cli.output import Output, log_to
from ingestion.remedies import PROGRAM, Typed, remember
from ingestion.signals import unwind_when_terminated

if TYPE_CHECKING:
    from ingestion.settings import Settings

Function = Callable[..., int]


class _NeverUsed(MetaPathFinder):
    """Hides packages that libraries import just because they are installed.

    dlt looks for secrets in Streamlit; DuckDB and PyArrow check whether a value is from pandas. No
    command uses either, and without them each starts 1.5 s sooner (3.2 s became 1.6 s). A finder,
    because PyArrow takes a None in `sys.modules` for an installed module, and fails.
    """

    def find_spec(self, fullname: str, path: object, target: object = None) -> None:
        if fullname in ("pandas", "streamlit"):
            raise ModuleNotFoundError(f"{fullname} is not used here", name=fullname)


class Context:
    """The context of one command.

    Attributes:
        name: The command's name.
        output: Where it prints.
        settings: The settings, resolved once.
        options: The settings given as options.
    """

    def __init__(self, name: str, output: Output, options: dict[str, Any]) -> None:
        from ingestion.settings import resolve

        self.name = name
        self.output = output
        self.options = options
        self.settings: Settings = resolve(**options)

    def result(self, content: Any, lines: list[str], exit_code: int = 0) -> int:
        """Prints what the command did, and returns its exit code."""
        self.output.result(self.name, content, lines, exit_code)
        return exit_code


_SETTINGS = ("home", "target", "source")


def command(name: str, *, with_source: bool = False) -> Callable[[Function], click.Command]:
    """Makes a command of a function that takes a `Context` and returns an exit code.

    Args:
        name: Its name, such as `load` or `data generate`.
        with_source: Whether it takes `--source`.
    """

    def decorate(function: Function) -> click.Command:
        @functools.wraps(function)
        def guarded(as_json: bool, quiet: bool, debug: bool, **rest: Any) -> None:
            output = Output(as_json, quiet, debug)
            options = {key: rest.pop(key) for key in _SETTINGS if key in rest}
            sys.exit(_guarded(name, output, options, function, rest))

        short = name.split()[-1]
        return click.command(short)(_with_options(guarded, with_source))

    return decorate


def _with_options(function: Any, with_source: bool) -> Any:
    options = [
        click.option("--home", metavar="DIR", help="Folder for everything local (.movielens)."),
        click.option("--target", metavar="dev|prod", help="dev = DuckDB, prod = Snowflake."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout."),
        click.option("-q", "--quiet", is_flag=True, help="Print nothing if all went well."),
        click.option("--debug", is_flag=True, help="Show tracebacks."),
    ]
    if with_source:
        where = "Landing zone: a folder or s3://bucket/prefix."
        options.insert(0, click.option("--source", metavar="URL", help=where))
    for option in reversed(options):
        function = option(function)
    return function


def _guarded(
    name: str, output: Output, options: dict[str, Any], function: Function, rest: dict[str, Any]
) -> int:
    # dlt writes to the terminal and sends usage statistics unless told not to.
    os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
    os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")
    sys.meta_path.insert(0, _NeverUsed())
    unwind_when_terminated()
    home = Path(".movielens")
    _remember(name, options)
    try:
        context = Context(name, output, options)
        home = context.settings.home
        return function(context, **rest)
    except BrokenPipeError:
        raise  # The reader of the pipe is gone; click ends quietly.
    except (Exception, KeyboardInterrupt) as error:
        if output.debug:
            raise
        return _tell(name, output, error, home)


def _remember(name: str, options: dict[str, Any]) -> None:
    """Remembers what was typed. After `make demo` there may be no `movielens` on the PATH."""
    context = click.get_current_context()
    words = context.obj or name.split()
    takes = {option for each in context.command.params for option in each.opts}
    program = PROGRAM if shutil.which(PROGRAM) else sys.argv[0]
    remember(Typed(program, words, frozenset(takes), options))


def _tell(name: str, output: Output, error: BaseException, home: Path) -> int:
    import logging

    from ingestion.cli.failures import explain

    # Without a handler Python would print records, tracebacks included, to the terminal.
    logging.getLogger("movielens").addHandler(logging.NullHandler())
    try:
        if home.exists():
            log_to(home / "logs")
    except OSError:
        # An unwritable home is what the message is about.
        pass
    failure = explain(error, home)
    output.failure(name, failure.message, failure.remedy, failure.exit_code, failure.extra)
    return failure.exit_code
