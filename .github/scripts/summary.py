"""Renders the outline of a run (`movielens run --outline`) as a table for the job page."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def text(value: object) -> str:
    """Renders a name as code that is no Markdown, whatever it has in it: a file may have any.

    In a code span, a backtick of the name would end it; in `<code>`, entities stay what they are.
    """
    shown = "".join(
        each if each.isalnum() else f"&#{ord(each)};" for each in str(value) if each.isprintable()
    )
    return f"<code>{shown}</code>"


def summary(outline: dict[str, Any]) -> str:
    """Renders an outline, empty if the run never began, as Markdown."""
    if not outline:
        return "### No run\n\nThe job ended before the run began; see the steps above.\n"
    if outline["outcome"] != "done":
        return _failed(outline)
    files, build, publish = outline["files"], outline["build"], outline["publish"]
    loaded = sum(file["status"] == "loaded" for file in files)
    refused = [file for file in files if file["status"] == "refused"]
    rows = {
        "Files loaded": f"{loaded} of {len(files)}",
        "Files refused": len(refused),
        "Rows loaded": f"{sum(file['rows'] for file in files):,}",
        "Rows rejected": f"{sum(file['rejected'] for file in files):,}",
        "Models built": build["models"] if build["built"] else "none, nothing changed",
        "Tests passed": build["tests_passed"],
        "Tests warned": build["tests_warned"],
        "Published version": publish["version"],
        "Previous version": publish["before"],
        "Seconds": f"{outline['seconds']:.0f}",
    }
    table = "".join(f"| {name} | {value} |\n" for name, value in rows.items())
    names = "".join(f"\n- refused: {text(file['path'])}" for file in refused)
    why = (
        "\n\nWhy quotes the file: `movielens load` on your own machine says it.\n"
        if refused
        else "\n"
    )
    return f"### Done (exit code {outline['exit_code']})\n\n| | |\n|---|---|\n{table}{names}{why}"


def _failed(outline: dict[str, Any]) -> str:
    heading = "Another run is in progress" if outline["exit_code"] == 75 else "Failed"
    lines = [
        *(
            f"- {text(each['test'])} on {text(each['table'])}: {each['rows']:,} rows"
            for each in outline.get("failures", [])
        ),
        *(f"- {text(each['check'])}: {each['outcome']}" for each in outline.get("release", [])),
        *(f"- {text(name)} could not be built" for name in outline.get("models", [])),
        *(f"- {text(line)}" for line in outline.get("message", "").splitlines()),
        *(f"- {text(line)}" for line in outline.get("remedy", "").splitlines()),
        *(f"- {text(line)}" for line in outline.get("raised", [])),
    ]
    said = "\n".join([text(outline["outcome"]), "", *lines])
    return f"### {heading} (exit code {outline['exit_code']})\n\n{said}\n"


def main(path: Path) -> None:
    """Writes the summary of an outline to stdout; a run that never began left none."""
    content = path.read_text() if path.exists() else ""
    sys.stdout.write(summary(json.loads(content) if content.strip() else {}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
