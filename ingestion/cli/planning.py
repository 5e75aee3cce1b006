"""The commands that look before they leap: plan, apply and diff."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from ingestion.cli.command import Context, command

SOMETHING_TO_DO = 10


@command("plan", with_source=True)
@click.option("--out", type=click.Path(path_type=Path), help="Save the plan, for `apply`.")
@click.option("--markdown", is_flag=True, help="Markdown instead of plain text.")
@click.option(
    "--exit-code", is_flag=True, help="Exit with 10 if there is something to do, else with 0."
)
def plan(context: Context, out: Path | None, markdown: bool, exit_code: bool) -> int:
    """Show what a run would do to files, models, marts and pages; changes nothing.

    Files that are new or changed are only looked into: their rows are estimates.

    Example: movielens plan --out next.json
    """
    from ingestion.plan.plan import make_plan
    from ingestion.plan.saved import save
    from ingestion.plan.text import as_markdown, as_text
    from ingestion.remedies import command as remedy

    made = make_plan(context.settings)
    lines = as_markdown(made) if markdown else as_text(made)
    if out is not None:
        save(made, out)
    if not markdown and not made.is_empty:
        lines.append(f"{'Apply':<10}{remedy('apply', str(out)) if out else remedy('run')}")
    code = SOMETHING_TO_DO if exit_code and not made.is_empty else 0
    return context.result({**asdict(made), "is_empty": made.is_empty}, lines, code)


@command("apply", with_source=True)
@click.argument("plan", type=click.Path(path_type=Path))
def apply(context: Context, plan: Path) -> int:
    """Carry out a saved plan, or nothing if files, code or the warehouse have changed since.

    Example: movielens apply next.json
    """
    from ingestion.cli.pipeline import run_lines
    from ingestion.operate.run import apply as apply_plan

    with context.output.progress() as on_event:
        report = apply_plan(context.settings, plan, on_event=on_event)
    return context.result(report, run_lines(report), report.exit_code)


@command("diff")
@click.option("--mart", "marts", multiple=True, metavar="MART", help="Only this one; repeatable.")
@click.option("--markdown", is_flag=True, help="Markdown instead of plain text.")
def diff(context: Context, marts: tuple[str, ...], markdown: bool) -> int:
    """Show what a publish would change in the marts: rows, columns, examples; changes nothing.

    It compares the audited candidate with what is published, row by row. The marts that report on
    the build itself always differ: they are compared only if named with --mart.

    Example: movielens diff --mart mart_movie
    """
    from ingestion.plan.diff import diff_candidate
    from ingestion.plan.diff_text import as_markdown, as_text

    found = diff_candidate(context.settings, marts)
    return context.result(found, as_markdown(found) if markdown else as_text(found))
