"""The commands that look before they leap: plan, apply and diff."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ingestion.build.environments import PRODUCTION, Environment, environment_named
from ingestion.cli.command import Context, command
from ingestion.cli.environments import environment_lines

SOMETHING_TO_DO = 10


_ENVIRONMENT = click.argument("environment", required=False, metavar="[ENV]")


@command("plan", with_source=True)
@_ENVIRONMENT
@click.option("--out", type=click.Path(path_type=Path), help="Save the plan, for `apply`.")
@click.option("--markdown", is_flag=True, help="Markdown instead of plain text.")
@click.option(
    "--exit-code", is_flag=True, help="Exit with 10 if there is something to do, else with 0."
)
def plan(
    context: Context, environment: str | None, out: Path | None, markdown: bool, exit_code: bool
) -> int:
    """Show what a run would do to files, models, marts and pages; changes nothing.

    ENV is an environment to try changes in; by default production, which is published.

    Files that are new or changed are only looked into: their rows are estimates.

    Example: movielens plan dev_anna --out next.json
    """
    from ingestion.plan.plan import make_plan
    from ingestion.plan.saved import save
    from ingestion.plan.text import as_markdown, as_text
    from ingestion.remedies import command as remedy

    wanted = _named(environment)
    with context.output.progress() as on_event:
        made = make_plan(context.settings, wanted, on_event=on_event)
    lines = as_markdown(made) if markdown else as_text(made)
    if out is not None:
        save(made, out)
    if not markdown and not made.is_empty:
        named = [] if wanted.is_production else [wanted.name]
        arguments = [*named, *([str(out)] if out else [])]
        lines.append(f"{'Apply':<10}{remedy('apply', *arguments) if arguments else remedy('run')}")
    code = SOMETHING_TO_DO if exit_code and not made.is_empty else 0
    return context.result({**asdict(made), "is_empty": made.is_empty}, lines, code)


@command("apply", with_source=True)
@click.argument("named", nargs=-1, metavar="[ENV] [PLAN]")
def apply(context: Context, named: tuple[str, ...]) -> int:
    """Carry out the plan for an environment; a saved one, or nothing if it no longer fits.

    ENV is an environment to try changes in, created if there is none of that name; by default
    production, for which this is what `run` does. PLAN is a file that `plan --out` saved; nothing
    is written if files, code or the environment have changed since.

    Example: movielens apply dev_anna
    """
    from ingestion.cli.pipeline import run_lines
    from ingestion.operate.run import RunReport
    from ingestion.operate.run import apply as apply_plan

    environment, file = _environment_and_plan(named)
    with context.output.progress() as on_event:
        report = apply_plan(context.settings, environment, file, on_event=on_event)
    lines = run_lines(report) if isinstance(report, RunReport) else environment_lines(report)
    return context.result(report, lines, report.exit_code)


def _named(environment: str | None) -> Environment:
    return PRODUCTION if environment is None else environment_named(environment)


def _environment_and_plan(named: tuple[str, ...]) -> tuple[Environment | None, Path | None]:
    plans = [name for name in named if name.endswith(".json") or Path(name).is_file()]
    others = [name for name in named if name not in plans]
    if len(plans) > 1 or len(others) > 1:
        raise click.UsageError("Name one environment, one saved plan, or both.")
    environment = _named(others[0]) if others else None
    return environment, Path(plans[0]) if plans else None


@command("diff")
@_ENVIRONMENT
@click.option("--mart", "marts", multiple=True, metavar="MART", help="Only this one; repeatable.")
@click.option("--markdown", is_flag=True, help="Markdown instead of plain text.")
def diff(context: Context, environment: str | None, marts: tuple[str, ...], markdown: bool) -> int:
    """Show what a publish would change in the marts: rows, columns, examples; changes nothing.

    It compares what ENV shows, by default the audited candidate, with what is published, row by
    row. The marts that report on the build itself always differ: they are compared only if named
    with --mart.

    Example: movielens diff dev_anna --mart mart_movie
    """
    from ingestion.plan.diff import diff_environment
    from ingestion.plan.diff_text import as_markdown, as_text

    found = diff_environment(context.settings, _named(environment), marts)
    return context.result(found, as_markdown(found) if markdown else as_text(found))
