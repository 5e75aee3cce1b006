"""Renders the report of `movielens run --json` as a table for the job page."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def summary(answer: dict[str, Any]) -> str:
    """Renders a report, empty if the command printed none, as Markdown."""
    if not answer:
        return "### No run\n\nThe job ended before the run began; see the steps above.\n"
    if error := answer.get("error"):
        heading = "Another run is in progress" if answer["exit_code"] == 75 else "Failed"
        # Fenced: a message may quote a file, whose text must not be read as Markdown.
        said = f"{error['message']}\n{error.get('remedy', '')}".replace("`", "'").strip()
        return f"### {heading} (exit code {answer['exit_code']})\n\n```text\n{said}\n```\n"
    load, build, publish = answer["load"], answer["build"], answer["publish"]
    loaded = sum(file["status"] == "loaded" for file in load["files"])
    refused = [file for file in load["files"] if file["status"] == "refused"]
    rows = {
        "Files loaded": f"{loaded} of {len(load['files'])}",
        "Files refused": len(refused),
        "Rows loaded": f"{sum(file['rows'] for file in load['files']):,}",
        "Rows rejected": f"{sum(file['rejected'] for file in load['files']):,}",
        "Models built": build["models"] if build["built"] else "none, nothing changed",
        "Tests passed": build["tests_passed"],
        "Tests warned": build["tests_warned"],
        "Published version": publish["version"],
        "Previous version": publish["before"],
        "Seconds": f"{answer['seconds']:.0f}",
    }
    table = "".join(f"| {name} | {value} |\n" for name, value in rows.items())
    reasons = "".join(f"\n- `{file['path']}`: {file['reason']}" for file in refused)
    return f"### Done (exit code {answer['exit_code']})\n\n| | |\n|---|---|\n{table}{reasons}\n"


def main(path: Path) -> None:
    """Writes the summary of a report file to stdout; a run that never began left none."""
    text = path.read_text() if path.exists() else ""
    sys.stdout.write(summary(json.loads(text) if text.strip() else {}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
