"""Checks of the release: refused files, the README's counts, a version held back."""

from __future__ import annotations

from collections.abc import Iterator

from ingestion.errors import MovielensError
from ingestion.operate.doctor.findings import Check, Finding, ok, problem, skipped, warning
from ingestion.operate.status import Status, status
from ingestion.remedies import command
from ingestion.settings import Settings

REFUSED = "file-refused"


def release(settings: Settings) -> Iterator[Finding]:
    """No file is refused, the counts match the README, readers see the newest version."""
    try:
        found = status(settings)
    except MovielensError as error:
        yield skipped("release", str(error))
        return
    if found.warehouse == "unreadable":
        yield skipped("release", found.problem)
        return
    yield from _refused(found)
    yield from _readme(found)
    yield from _held_back(found)


def _refused(found: Status) -> Iterator[Finding]:
    for file in found.refused:
        yield problem(
            "refused files",
            REFUSED,
            f"{file.path}: {file.reason}; nothing of this version is loaded",
            f"fix it or remove it from the landing zone, then: {command('run')}",
        )
    if not found.refused:
        yield ok("refused files", "none")


def _readme(found: Status) -> Iterator[Finding]:
    differ = [count for count in found.readme if not count.agrees]
    for count in differ:
        yield warning(
            "README",
            "differs-from-readme",
            str(count),
            "compare the files with those of the release, which movielens data download fetches",
        )
    if found.readme and not differ:
        yield ok("README", "the counts of ratings, users, films and tags match it")


def _held_back(found: Status) -> Iterator[Finding]:
    for version in found.held_back:
        yield warning(
            "published",
            "version-held-back",
            f"readers see {found.published}; {version.version} was rolled back and is held back, "
            "and so are later builds of the same files and code",
            f"to publish it: {command('publish')}; other files or code make a new version",
        )


CHECKS: list[Check] = [release]
