"""`movielens`, the command line: a thin shell over the library."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module, metadata
from typing import Any

import click

# For each command: where it is, and a line of help.
Commands = Mapping[str, tuple[str, str]]

_COMMANDS: Commands = {
    "init": ("ingestion.cli.starting:init", "Create a project of your own, with models to edit."),
    "plan": ("ingestion.cli.planning:plan", "Show what a run would do; changes nothing."),
    "apply": ("ingestion.cli.planning:apply", "Carry out a plan, saved or for an environment."),
    "diff": ("ingestion.cli.planning:diff", "Show what a publish would change in the marts."),
    "promote": ("ingestion.cli.environments:promote", "Publish what an environment shows."),
    "run": ("ingestion.cli.pipeline:run", "Load, build, audit, publish: the scheduled job."),
    "load": ("ingestion.cli.pipeline:load", "Load what is new in the landing zone into RAW."),
    "build": ("ingestion.cli.pipeline:build", "Build the candidate marts and audit them."),
    "publish": ("ingestion.cli.pipeline:publish", "Publish the audited candidate to readers."),
    "rollback": ("ingestion.cli.pipeline:rollback", "Return to the previously published version."),
    "vacuum": ("ingestion.cli.pipeline:vacuum", "Remove rows and versions that nothing needs."),
    "status": ("ingestion.cli.looking:status", "Show what is loaded and published."),
    "doctor": (
        "ingestion.cli.looking:doctor",
        "Check settings, connections and privileges, with remedies.",
    ),
    "config": ("ingestion.cli.looking:config", "Show each setting and where it came from."),
    "lineage": ("ingestion.cli.lineage:lineage", "Show which columns a column comes from."),
    "query": ("ingestion.cli.asking:query", "Ask the published marts, in SQL."),
    "export": ("ingestion.cli.asking:export", "Write all published marts as a data package."),
    "dashboard": ("ingestion.cli.serving:dashboard", "Serve the dashboard on the published marts."),
}
_GROUPS: Mapping[str, tuple[str, Commands]] = {
    "env": (
        "List, keep, drop and clone environments.",
        {
            "list": ("ingestion.cli.environments:list_", "List environments and when they expire."),
            "keep": ("ingestion.cli.environments:keep", "Keep one however old it gets."),
            "drop": ("ingestion.cli.environments:drop", "Drop one, and what only it needs."),
            "clone": (
                "ingestion.cli.environments:clone",
                "Fill a Snowflake database of your own from another one.",
            ),
        },
    )
}
# The entry-point group through which other packages add commands and command groups.
PLUGINS = "movielens.commands"


@dataclass(frozen=True)
class Plugin:
    """What another package adds to the command line.

    Attributes:
        commands: Its commands.
        groups: Its command groups, each with a line of help.
    """

    commands: Commands = field(default_factory=dict)
    groups: Mapping[str, tuple[str, Commands]] = field(default_factory=dict)


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command is called.

    Args:
        lazy: Its commands.
    """

    def __init__(self, lazy: Commands, **rest: object) -> None:
        super().__init__(**rest)  # type: ignore[arg-type]
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Lists the commands in order of use."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command."""
        if cmd_name not in self._lazy:
            return None
        module, _, name = self._lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggests the nearest command for an unknown name."""
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], known, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._lazy.items()])


class Program(LazyGroup):
    """The whole command line; with --json, usage errors are JSON, too."""

    @cached_property
    def _plugins(self) -> list[Plugin]:
        """What other packages add; finding it takes longer than most commands need to start."""
        return [found.load() for found in metadata.entry_points(group=PLUGINS)]

    @cached_property
    def _groups(self) -> dict[str, LazyGroup]:
        groups = dict(_GROUPS)
        for each in self._plugins:
            groups.update(each.groups)
        return {name: LazyGroup(of, name=name, help=text) for name, (text, of) in groups.items()}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Lists the commands, groups last."""
        added = [name for each in self._plugins for name in each.commands]
        return [*added, *self._lazy, *self._groups]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports a command, from another package if it is not one of these."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        for each in self._plugins:
            if cmd_name in each.commands:
                return LazyGroup(each.commands).get_command(ctx, cmd_name)
        return self._groups.get(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lists the commands without importing them."""
        added = {name: found for each in self._plugins for name, found in each.commands.items()}
        rows = [(name, text) for name, (_, text) in {**added, **self._lazy}.items()]
        rows += [(name, group.get_short_help_str()) for name, group in self._groups.items()]
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **named: Any) -> Any:
        """Runs a command line, by default the process's own."""
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


_HELP = """Any MovieLens release to audited, published marts and a public dashboard.

\b
Examples:
  movielens demo --serve                 sample data to an open dashboard
  movielens run --source my-files        load what is new, build, audit, publish
  movielens run --source ml-32m.zip      the same, from a release as downloaded
  movielens status                       show what is loaded and published

\b
Exit codes: 0 done (also when there was nothing to do); 1 failed; 2 wrong usage or
settings, or a plan that no longer fits; 10 something to do, asked with
plan --exit-code; 3 audit failed or release refused, nothing published; 4 loaded, but
rows or files were rejected beyond the allowed share; 75 another run holds the
lock; 130 and 143 interrupted.
"""

main = Program(
    _COMMANDS,
    name="movielens",
    help=_HELP,
    context_settings={"help_option_names": ["-h", "--help"]},
)
main = click.version_option(package_name="movielens-warehouse")(main)
