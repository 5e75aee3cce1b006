"""The answer of `movielens run --json` as a table for people, on the page of the job."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def summary(answer: dict[str, Any]) -> str:
    """Puts an answer in words.

    Args:
        answer: What the command printed; empty if it printed nothing.

    Returns:
        Markdown.
    """
    if not answer:
        return "### No run\n\nIt ended before the run began; the steps above say where.\n"
    if error := answer.get("error"):
        heading = "Another run was at work" if answer["exit_code"] == 75 else "Failed"
        # In a fence: a message may hold text of a file, which is not to be read as Markdown.
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
        "Version before": publish["before"],
        "Seconds": f"{answer['seconds']:.0f}",
    }
    table = "".join(f"| {name} | {value} |\n" for name, value in rows.items())
    reasons = "".join(f"\n- `{file['path']}`: {file['reason']}" for file in refused)
    return f"### Done (exit code {answer['exit_code']})\n\n| | |\n|---|---|\n{table}{reasons}\n"


def main(path: Path) -> None:
    """Writes the summary of a file to stdout; a run that never began left none."""
    text = path.read_text() if path.exists() else ""
    sys.stdout.write(summary(json.loads(text) if text.strip() else {}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
