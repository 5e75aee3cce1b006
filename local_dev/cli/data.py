"""The commands that generate, download and upload sample data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from ingestion.cli.command import Context, command
from ingestion.cli.output import plural
from ingestion.remedies import command as command_line

if TYPE_CHECKING:
    from ingestion.progress import OnEvent


def _adapter(on_event: OnEvent) -> Callable[[str, float], None]:
    """Turns a share from 0 to 1 into progress events."""
    from ingestion.progress import Event

    return lambda what, share: on_event(Event("data", what, round(share * 100), 100))


@command("data generate")
@click.argument("folder", type=click.Path(file_okay=False))
@click.option("--ratings", type=click.IntRange(min=1_000), default=100_000, show_default=True)
@click.option("--seed", type=int, default=42, show_default=True, help="Same seed, same bytes.")
@click.option("--genome/--no-genome", default=True, help="Also generate the two genome files.")
def generate(context: Context, folder: str, ratings: int, seed: int, genome: bool) -> int:
    """Generate all six MovieLens-shaped files in FOLDER; the data is invented.

    Example: movielens data generate landing --ratings 1000000
    """
    from pathlib import Path

    from local_dev.generate import generate as make

    with context.output.progress() as on_event:
        report = make(
            Path(folder), ratings=ratings, seed=seed, genome=genome, progress=_adapter(on_event)
        )
    lines = [
        f"Generated  {plural(file.rows, 'row')} in {file.name} ({file.bytes / 1e6:.1f} MB)"
        for file in report.files
    ]
    return context.result(report, [*lines, f"Load it:   {command_line('run', '--source', folder)}"])


@command("data download")
@click.argument("name")
@click.argument("folder", type=click.Path(file_okay=False), required=False)
def download(context: Context, name: str, folder: str | None) -> int:
    """Download the official release NAME from GroupLens and verify its checksum.

    Names: ml-latest-small, ml-latest, ml-32m, ml-25m, ml-20m, ml-10m, ml-1m, ml-100k.

    The tag genome of 2012 has no published checksum: get tag-genome.zip by other means, and load
    it as it is.

    Example: movielens data download ml-32m
    """
    from pathlib import Path

    from local_dev.download import download as fetch

    to = Path(folder) if folder else context.settings.home / "data" / name
    url = context.settings.download_url
    with context.output.progress() as on_event:
        report = fetch(name, to, base_url=url, progress=_adapter(on_event))
    return context.result(
        report,
        [f"Downloaded {name} to {to}", f"Load it:   {command_line('run', '--source', str(to))}"],
    )


@command("data upload")
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.argument("to", metavar="S3_URL")
def upload(context: Context, folder: str, to: str) -> int:
    """Upload the new and changed MovieLens files of FOLDER to S3.

    Deletes nothing there. Each object keeps the checksum it was sent with.

    Example: movielens data upload landing s3://my-bucket/movielens
    """
    from pathlib import Path

    from local_dev.upload import upload as send

    with context.output.progress() as on_event:
        report = send(Path(folder), to, progress=_adapter(on_event))
    lines = [f"Uploaded   {path}" for path in report.uploaded]
    lines += [f"Unchanged  {path}" for path in report.unchanged]
    lines += [f"Ignored    {path}" for path in report.ignored]
    return context.result(report, [*lines, f"Load it:   {command_line('run', '--source', to)}"])
