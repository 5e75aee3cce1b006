"""The command that shows where columns come from."""

from __future__ import annotations

from dataclasses import asdict

import click

from ingestion.cli.command import Context, command


@command("lineage")
@click.argument("name", metavar="MODEL[.COLUMN]")
@click.option("--mermaid", is_flag=True, help="A Mermaid flow chart instead of trees.")
def lineage(context: Context, name: str, mermaid: bool) -> int:
    """Show which columns a column comes from, down to RAW, and what it is aggregated by.

    It reads the models, not the warehouse.

    Example: movielens lineage mart_movie.weighted_score
    """
    from ingestion.build.lineage import lineage_of
    from ingestion.lineage.tree import as_mermaid, as_text, trace

    steps = trace(lineage_of(context.settings).analyses, name)
    trees = [line for step in steps for line in as_text(step)]
    content = {"columns": [asdict(step) for step in steps]}
    return context.result(content, as_mermaid(steps) if mermaid else trees)
