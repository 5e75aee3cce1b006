"""Caches dbt's parsed projects for the life of the process.

Parsing a project often takes dbt longer than building what changed. A process that builds more than
once, in one home or several, parses each version of the code once.
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
    """Everything that determines what dbt parses.

    Attributes:
        project: The project's folder.
        code: Fingerprint of its models, macros and data tests, and of the engines.
        profiles: The text of profiles.yml.
        target: The target in it.
        database: Prefix of the relations' names; of all that profiles.yml takes from the
            environment, only this ends up in the parsed project.
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
    """Caches a project that dbt has just parsed, before any build modifies it.

    Args:
        key: What it was parsed from.
        manifest: The parsed project.
        target_path: dbt's target folder, with the manifest.json that it wrote.
    """
    artifact = (target_path / FILE).read_bytes()
    _parsed[key] = _Parsed(_copy(manifest), artifact)
    while len(_parsed) > _KEPT:
        _parsed.popitem(last=False)


def recall(key: ProjectKey, target_path: Path) -> Manifest | None:
    """Returns a copy of a cached project: what a build changes in it stays in that build.

    Args:
        key: What would be parsed.
        target_path: dbt's target folder, into which the cached manifest.json is written.

    Returns:
        The project; None if dbt has to parse it.
    """
    parsed = _parsed.get(key)
    if parsed is None:
        return None
    _parsed.move_to_end(key)
    target_path.mkdir(parents=True, exist_ok=True)
    (target_path / FILE).write_bytes(parsed.artifact)
    return _copy(parsed.manifest)


def _copy(manifest: Manifest) -> Manifest:
    # Not by pickle: dbt 1.11 mixes up the order of its own fields there.
    copy: Manifest = manifest.deepcopy()  # type: ignore[no-untyped-call]
    return copy
