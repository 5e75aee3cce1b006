"""The command that creates a project of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from ingestion.cli.command import Context, command


@command("init")
@click.argument("folder", type=click.Path(path_type=Path))
def init(context: Context, folder: Path) -> int:
    """Create a project of your own in FOLDER: models to edit, settings, Makefile, workflow.

    Commands that run in FOLDER build its models in place of the installed ones.

    Example: movielens init my-marts
    """
    from ingestion.project import create_project

    created = create_project(folder)
    lines = [
        f"Created    {folder}: {', '.join(created)}",
        f"Start      cd {folder} && make demo",
    ]
    return context.result({"folder": str(folder.absolute()), "created": created}, lines)
