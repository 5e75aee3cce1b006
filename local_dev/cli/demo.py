"""The command that demonstrates everything on sample data."""

from __future__ import annotations

import click

from ingestion.cli.command import Context, command
from ingestion.cli.pipeline import run_lines
from ingestion.remedies import command as command_line


@command("demo", with_source=True)
@click.option("--ratings", type=click.IntRange(min=1_000), help="Generate this many ratings.")
@click.option("--serve", is_flag=True, help="Open the dashboard once everything is published.")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
def demo(context: Context, ratings: int | None, serve: bool, port: int) -> int:
    """From nothing to a published dashboard: sample data, load, build, audit, publish.

    Loads --source if given; otherwise downloads ml-latest-small or, failing that, generates data.

    Example: movielens demo --serve
    """
    from local_dev.demo import demo as demonstrate

    with context.output.progress() as on_event:
        report = demonstrate(context.settings, ratings=ratings, on_event=on_event)
    lines = [f"Data       {report.story}", *run_lines(report.run)]
    if not serve:
        lines.append(f"Open it:   {command_line('dashboard')}")
    exit_code = context.result(report, lines, report.run.exit_code)
    if serve:
        from ingestion.cli.serving import serve as serve_dashboard

        return serve_dashboard(context.settings, port)
    return exit_code
