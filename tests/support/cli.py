"""The installed `movielens`, and the real release that tests use where there is one."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.support import forking

PROGRAM = forking.PROGRAM
# A real release, where there is one; it is no part of the project.
REAL = Path(
    os.environ.get(
        "MOVIELENS_TEST_DATA", Path(__file__).parents[3] / "shared" / "data" / "ml-latest-small"
    )
)


class Cli:
    """The installed `movielens`, each call a process of its own.

    It starts in an empty folder and inherits no setting.

    Args:
        folder: The folder.
        fresh: Start an interpreter for each call; otherwise a call starts with its imports done.
    """

    def __init__(self, folder: Path, *, fresh: bool = False) -> None:
        self.folder = folder
        self._fresh = fresh

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if "MOVIELENS" not in name}
        return {**own, **(more or {})}

    def __call__(
        self, *arguments: object, env: Mapping[str, str] | None = None, **options: Any
    ) -> subprocess.CompletedProcess[str]:
        process = self.start(*arguments, env=env, **options)
        # Ends what hangs; on a busy machine a production run takes minutes.
        stdout, stderr = process.communicate(timeout=600)
        assert "Traceback" not in stderr + stdout
        code = process.returncode
        assert code is not None
        return subprocess.CompletedProcess(process.args, code, stdout, stderr)

    def start(
        self, *arguments: object, env: Mapping[str, str] | None = None, **options: Any
    ) -> forking.Process:
        start = forking.start_anew if self._fresh else forking.start
        command = [str(PROGRAM), *map(str, arguments)]
        return start(command, cwd=self.folder, env=self.environment(env), **options)

    def json(
        self, *arguments: object, exit_code: int = 0, env: Mapping[str, str] | None = None
    ) -> Any:
        """Calls with --json; stdout must be one JSON object, and nothing else."""
        done = self(*arguments, "--json", env=env)
        assert done.returncode == exit_code, done.stdout + done.stderr
        assert done.stdout.count("\n") == 1
        return json.loads(done.stdout)
