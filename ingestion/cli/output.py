"""Output of the command line: results on stdout, everything else on stderr."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ingestion.progress import Event, OnEvent

STEPS = {"data": "Data", "load": "Load", "build": "Build", "audit": "Audit", "publish": "Publish"}


@dataclass(frozen=True)
class Output:
    """How a command prints.

    Attributes:
        as_json: One JSON object on stdout instead of text.
        quiet: Print nothing if all went well.
        debug: Show tracebacks.
    """

    as_json: bool = False
    quiet: bool = False
    debug: bool = False

    def result(self, command: str, content: Any, lines: list[str], exit_code: int = 0) -> None:
        """Prints what a command did.

        Args:
            command: Its name.
            content: A dataclass or dictionary, for JSON.
            lines: The same as text.
            exit_code: Its exit code.
        """
        if self.as_json:
            body = asdict(content) if is_dataclass(content) else content  # type: ignore[arg-type]
            answer = {"command": command, "status": "done", "exit_code": exit_code, **body}
            click.echo(json.dumps(answer, default=str))
        elif not self.quiet or exit_code:
            click.echo("\n".join(map(printable, "\n".join(lines).split("\n"))))

    def failure(self, command: str, message: str, remedy: str, exit_code: int, extra: Any) -> None:
        """Prints what went wrong and how to fix it."""
        if self.as_json:
            error = {"message": message, "remedy": remedy, **extra}
            answer = {"command": command, "status": "failed", "exit_code": exit_code}
            click.echo(json.dumps({**answer, "error": error}, default=str))
            return
        # Click strips colours when there is no terminal, but ignores https://no-color.org.
        coloured = False if os.environ.get("NO_COLOR") else None
        click.secho(f"Error: {message}", err=True, fg="red", color=coloured)
        if remedy:
            click.echo(f"  What to do: {remedy}", err=True)

    @contextmanager
    def progress(self) -> Iterator[OnEvent]:
        """Shows progress, on a terminal only.

        Yields:
            A callback for each event.
        """
        from ingestion.progress import silent

        if self.as_json or self.quiet or os.environ.get("CI") or not sys.stderr.isatty():
            yield silent
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeElapsedColumn as Elapsed
        from rich.table import Column

        # On a narrow terminal only the name of the current item is cut short.
        whole, rest = Column(no_wrap=True), Column(no_wrap=True, overflow="ellipsis", ratio=1)
        columns = (
            TextColumn("{task.fields[step]:<8}", table_column=whole),
            BarColumn(24),
            MofNCompleteColumn(table_column=whole),
            Elapsed(table_column=whole),
            TextColumn("{task.description}", markup=False, table_column=rest),
        )
        console = Console(stderr=True)
        with Progress(*columns, console=console, transient=True, expand=True) as bar:
            task = bar.add_task("", step="", total=None)

            def show(event: Event) -> None:
                bar.update(
                    task,
                    step=STEPS.get(event.step, event.step),
                    description=event.detail,
                    completed=event.done,
                    total=event.total or None,
                )

            yield show


def log_to(folder: Path) -> Path:
    """Logs to a file in a folder only, and returns its path."""
    from logging.handlers import RotatingFileHandler

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "movielens.log"
    handler = RotatingFileHandler(path, maxBytes=5_000_000, backupCount=3, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logger = logging.getLogger("movielens")
    logger.handlers, logger.propagate = [handler], False
    logger.setLevel(logging.INFO)
    return path


def printable(line: str) -> str:
    r"""Makes a line safe for a terminal: untrusted names and text may hold escape sequences.

    Returns:
        The line with unprintable characters escaped, as in `\x1b`.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def plural(count: int, noun: str) -> str:
    """Formats a count with its noun, as in `1 file` or `1,200 files`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
