"""`demo`: from nothing to a published dashboard, on the best data available."""

from __future__ import annotations

from dataclasses import dataclass

from ingestion.operate.run import RunReport, run
from ingestion.progress import Event, OnEvent, silent
from ingestion.settings import Settings

DOWNLOAD = "ml-latest-small"
RATINGS = 100_000
SEED = 42


@dataclass(frozen=True)
class Sample:
    """The data a demo runs on.

    Attributes:
        source: The landing zone.
        story: Where the data comes from, in words.
    """

    source: str
    story: str


@dataclass(frozen=True)
class DemoReport:
    """What a demo did.

    Attributes:
        story: The data it ran on.
        run: The report of its run.
    """

    story: str
    run: RunReport


def demo(
    settings: Settings, *, ratings: int | None = None, on_event: OnEvent = silent
) -> DemoReport:
    """Loads, builds, audits and publishes sample data.

    Args:
        settings: The settings; if a source is set, it is loaded.
        ratings: Generate this many ratings instead of trying a download.
        on_event: Called on progress.

    Returns:
        The data used, and the report of the run.

    Raises:
        MovielensError: As `run` does.
    """
    sample = choose_sample(settings, ratings, on_event)
    chosen = settings.model_copy(update={"source": sample.source})
    report = run(chosen, switch_source=_holds_only_samples(settings), on_event=on_event)
    return DemoReport(sample.story, report)


def _holds_only_samples(settings: Settings) -> bool:
    """A demo may replace the data of earlier demos, never the user's own."""
    from ingestion.engine import engine_of
    from ingestion.raw import manifest

    own = settings.home.resolve().as_uri()
    known = manifest.current_files(engine_of(settings).warehouse()).values()
    return all(entry.source.startswith(own) for entry in known)


def choose_sample(settings: Settings, ratings: int | None, on_event: OnEvent = silent) -> Sample:
    """Chooses the source that is set, else a download, else the generator.

    Args:
        settings: The settings.
        ratings: Generate this many ratings instead of trying a download.
        on_event: Called on progress.

    Returns:
        The data, and where it comes from.
    """
    if settings.source is not None:
        return Sample(settings.source, f"the files in {settings.source}")
    if ratings is not None:
        return _generated(settings, ratings, "as --ratings asks", on_event)
    from local_dev.download import download
    from local_dev.errors import DownloadUnavailable

    folder = settings.home / "data" / DOWNLOAD
    if folder.exists():
        return Sample(str(folder), f"{DOWNLOAD}, downloaded earlier")
    try:
        on_event(Event("data", f"downloading {DOWNLOAD}"))
        download(DOWNLOAD, folder, base_url=settings.download_url)
    except DownloadUnavailable:
        return _generated(settings, RATINGS, f"because {DOWNLOAD} cannot be downloaded", on_event)
    return Sample(str(folder), f"{DOWNLOAD}, downloaded from GroupLens")


def _generated(settings: Settings, ratings: int, why: str, on_event: OnEvent) -> Sample:
    from local_dev.generate import generate

    folder = settings.home / "data" / f"generated-{ratings}"
    if not folder.exists():
        on_event(Event("data", f"generating {ratings:,} ratings"))
        generate(folder, ratings=ratings, seed=SEED)
    return Sample(str(folder), f"{ratings:,} generated ratings ({why}); not real data")
