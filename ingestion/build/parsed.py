"""What dbt has read of a project, kept for the life of the process.

Reading the project takes dbt longer than many a build of what changed. Whoever builds more than
once in one process, in one home or in several, has it read once for each version of the code.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

_KEPT = 4
FILE = "manifest.json"


class ProjectKey(NamedTuple):
    """Everything that decides what dbt reads.

    Attributes:
        project: The folder of the project.
        code: Fingerprint of its models, macros and data tests, and of the engines.
        profiles: The text of profiles.yml.
        target: The target in it.
        database: What the relations' names begin with; of all that profiles.yml takes from the
            environment, only this gets into what dbt has read.
        variables: dbt's `--vars`.
    """

    project: Path
    code: str
    profiles: str
    target: str
    database: str
    variables: str


class _Parsed(NamedTuple):
    manifest: Manifest
    artifact: bytes


_parsed: OrderedDict[ProjectKey, _Parsed] = OrderedDict()


def remember(key: ProjectKey, manifest: Manifest, target_path: Path) -> None:
    """Keeps what dbt has just read, before any build writes into it.

    Args:
        key: What it was read from.
        manifest: What dbt gave.
        target_path: dbt's target folder, with the manifest.json that it wrote.
    """
    artifact = (target_path / FILE).read_bytes()
    _parsed[key] = _Parsed(_copy(manifest), artifact)
    while len(_parsed) > _KEPT:
        _parsed.popitem(last=False)


def recall(key: ProjectKey, target_path: Path) -> Manifest | None:
    """Gives what dbt read before, as new: what a build changes in it stays in that build.

    Args:
        key: What would be read.
        target_path: dbt's target folder, which gets the manifest.json of that time.

    Returns:
        It; None if dbt has to read the project.
    """
    parsed = _parsed.get(key)
    if parsed is None:
        return None
    _parsed.move_to_end(key)
    target_path.mkdir(parents=True, exist_ok=True)
    (target_path / FILE).write_bytes(parsed.artifact)
    return _copy(parsed.manifest)


def _copy(manifest: Manifest) -> Manifest:
    copy: Manifest = manifest.deepcopy()  # type: ignore[no-untyped-call]
    return copy
