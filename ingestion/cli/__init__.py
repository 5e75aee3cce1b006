"""`movielens`, the command line: a thin shell over the library."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

_COMMANDS = {
    "demo": ("pipeline", "From nothing to a published dashboard on sample data."),
    "run": ("pipeline", "Load, build, audit, publish: the scheduled job."),
    "load": ("pipeline", "Load what is new in the landing zone into RAW."),
    "build": ("pipeline", "Build the candidate marts and audit them."),
    "publish": ("pipeline", "Make the audited candidate what readers see."),
    "rollback": ("pipeline", "Return to the version published before."),
    "vacuum": ("pipeline", "Remove what no longer counts, beyond what is to be kept."),
    "status": ("looking", "What is loaded and published."),
    "doctor": ("looking", "Check settings, connections and privileges, with remedies."),
    "config": ("looking", "Each setting and where it came from."),
    "dashboard": ("serving", "Serve the dashboard on what is published."),
}
_DATA_COMMANDS = {
    "generate": ("data", "Make MovieLens-shaped data, seeded, at any scale."),
    "download": ("data", "Fetch an official release, checksum verified."),
    "upload": ("data", "Put a folder of MovieLens files on S3."),
}
_DEV_COMMANDS = {
    "s3": ("developing", "Start a stand-in for S3 on this machine."),
    "snowflake": ("developing", "Start a stand-in for Snowflake on this machine."),
}


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is called.

    Args:
        lazy: For each command its module and a line of help.
    """

    def __init__(self, lazy: dict[str, tuple[str, str]], **rest: object) -> None:
        super().__init__(**rest)  # type: ignore[arg-type]
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names the commands in the order they are used in."""
        return [*self._lazy, *self.commands]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command."""
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        module = import_module(f"ingestion.cli.{self._lazy[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggests the nearest command for a name that is none."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], known, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        rows = [(name, text) for name, (_, text) in self._lazy.items()]
        rows += [(name, command.get_short_help_str()) for name, command in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


class Program(LazyGroup):
    """The whole command line; wrong usage anywhere in it is JSON, if JSON was asked for."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, **named: Any) -> Any:
        """Runs a command line, by default that of the process."""
        given = list(sys.argv[1:] if args is None else args)
        named["obj"] = given  # for remedies that repeat what was typed
        if "--json" not in given:
            return super().main(given, *rest, **named)
        try:
            # Click would print its own exceptions.
            sys.exit(super().main(given, *rest, **{**named, "standalone_mode": False}))
        except click.UsageError as error:
            from ingestion.cli.output import Output

            path = error.ctx.command_path if error.ctx else "movielens"
            command, message = path.partition(" ")[2], error.format_message()
            Output(as_json=True).failure(command, message, f"{path} --help", error.exit_code, {})
            sys.exit(error.exit_code)


_HELP = """MovieLens CSV files to audited, published marts and a public dashboard.

\b
Examples:
  movielens demo --serve                 sample data to an open dashboard
  movielens run --source my-files        load what is new, build, audit, publish
  movielens status                       what is loaded and published

\b
Exit codes: 0 done (also when there was nothing to do); 1 failed; 2 wrong usage or
settings; 3 audit failed or release refused, nothing published; 4 loaded, but
rows or files were rejected beyond the allowed share; 75 another run holds the
lock; 130 and 143 interrupted.
"""

main = Program(
    _COMMANDS,
    name="movielens",
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
)
main.add_command(LazyGroup(_DATA_COMMANDS, name="data", help="Make or fetch sample data."))
main.add_command(LazyGroup(_DEV_COMMANDS, name="dev", help="Start the local stand-ins."))
main = click.version_option(package_name="movielens-warehouse")(main)
