"""What a run did, in names and counts only: for places where others read it.

A report quotes what it found, so that the operator can fix it: cells of refused files, rows
that failed a test, a database's message. A public repository's workflow must show none of
that. So an outline is put together from what is known to be a name or a count; nothing else gets
in.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ingestion.build.audit import AuditFailure
from ingestion.build.release import ReleaseRefused
from ingestion.errors import BrokenModels, BusyError, SettingsError, chain
from ingestion.operate.run import RunReport
from ingestion.raw.load import FileReport
from ingestion.signals import exit_code_of, interruption

# Raised before rows are read, so their messages quote settings and names only.
_SAYS_NOTHING_OF_ROWS = (SettingsError, BusyError)


def of_report(report: RunReport) -> dict[str, Any]:
    """Outlines a run that ended.

    Args:
        report: Its report.

    Returns:
        What fits into JSON. Paths, tables, models and versions are the only texts.
    """
    build = report.build
    return {
        "outcome": "done",
        "exit_code": report.exit_code,
        "seconds": report.seconds,
        "files": [_of_file(file) for file in report.load.files],
        "build": {
            "version": build.version,
            "built": build.built,
            "seconds": build.seconds,
            "models": build.models,
            "tests_passed": build.tests_passed,
            "tests_warned": build.tests_warned,
            "node_seconds": build.node_seconds,
        },
        "publish": asdict(report.publish),
        "release": [{"check": each.name, "outcome": each.outcome} for each in build.release],
    }


def of_failure(error: BaseException) -> dict[str, Any]:
    """Outlines a run that failed.

    Args:
        error: What it raised.

    Returns:
        What fits into JSON: which tests failed on how many rows, which models could not be built,
        which checks refused the release; of any other error its kind, and where it was raised.
    """
    interrupted = interruption(error)
    code = exit_code_of(interrupted) if interrupted else getattr(error, "exit_code", 1)
    return {
        "outcome": type(interrupted or error).__name__,
        "exit_code": int(code),
        **_details(error),
    }


def _of_file(file: FileReport) -> dict[str, Any]:
    return {
        "path": file.path,
        "dataset": file.dataset,
        "status": file.status,
        "rows": file.rows,
        "rejected": file.rejected,
        "bytes": file.bytes,
        "seconds": file.seconds,
        "warnings": len(file.warnings),
    }


def _details(error: BaseException) -> dict[str, Any]:
    if isinstance(error, AuditFailure):
        tests = error.failures
        return {
            "failures": [{"test": t.name, "table": t.table, "rows": t.rows} for t in tests],
        }
    if isinstance(error, ReleaseRefused):
        return {"release": [{"check": f.name, "outcome": f.outcome} for f in error.findings]}
    if isinstance(error, BrokenModels):
        return {"models": error.models}
    if isinstance(error, _SAYS_NOTHING_OF_ROWS):
        return {"message": str(error), "remedy": error.remedy}
    return {"raised": [line for each in chain(error) for line in _frames(each)]}


def _frames(error: BaseException) -> Iterator[str]:
    yield type(error).__name__
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"  {Path(frame.filename).name}:{frame.lineno} {frame.name}"
