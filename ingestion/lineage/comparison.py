"""Compares two sets of fingerprints: what an edit changes, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ingestion.lineage.fingerprints import Fingerprint

Kind = Literal["added", "removed", "edited", "downstream", "format", "unchanged"]
Category = Literal["breaking", "additive", "none"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """How one model differs.

    Attributes:
        model: Its name.
        kind: `edited` if its own code or settings changed, `downstream` if only what it reads
            did, `format` if comments and format did, or names within its SQL.
        added: Its new columns.
        removed: Its columns that are gone.
        changed: Its columns that are computed in another way.
        rows_changed: Whether other rows are possible: all columns may differ then.
        settings: What else changed, by name, such as `macro latest_rows`.
        rebuilds: Whether it is another table, which has to be built.
    """

    model: str
    kind: Kind
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    rows_changed: bool = False
    settings: tuple[str, ...] = ()
    rebuilds: bool = False

    @property
    def category(self) -> Category:
        """What it means for those who read the model."""
        if self.kind == "removed" or self.removed or self.changed or self.rows_changed:
            return "breaking"
        return "additive" if self.kind == "added" or self.added else "none"


def compare(
    before: Mapping[str, Fingerprint], after: Mapping[str, Fingerprint]
) -> dict[str, Change]:
    """Compares the models of two projects.

    Args:
        before: The fingerprint of each model then.
        after: The fingerprint of each model now.

    Returns:
        How each model differs, also if it does not: those of `after` in their order, then those
        that are gone.
    """
    changes = {
        name: _difference(name, before[name], now) if name in before else _added(name, now)
        for name, now in after.items()
    }
    gone = {name: _removed(name, then) for name, then in before.items() if name not in after}
    return {**changes, **gone}


def _added(name: str, now: Fingerprint) -> Change:
    return Change(model=name, kind="added", added=tuple(now.columns), rebuilds=True)


def _removed(name: str, then: Fingerprint) -> Change:
    return Change(model=name, kind="removed", removed=tuple(then.columns))


def _difference(name: str, before: Fingerprint, after: Fingerprint) -> Change:
    return Change(
        model=name,
        kind=_kind(before, after),
        added=tuple(column for column in after.columns if column not in before.columns),
        removed=tuple(column for column in before.columns if column not in after.columns),
        changed=_differing(before.columns, after.columns, both=True),
        rows_changed=before.rows != after.rows,
        settings=_differing(before.settings, after.settings),
        rebuilds=before.value != after.value,
    )


def _kind(before: Fingerprint, after: Fingerprint) -> Kind:
    if before.own != after.own:
        return "edited"
    if before.value != after.value:
        return "downstream"
    return "unchanged" if before.text == after.text else "format"


def _differing(
    before: Mapping[str, str], after: Mapping[str, str], *, both: bool = False
) -> tuple[str, ...]:
    """Names what differs, in order; with `both`, only what is on both sides."""
    names = dict.fromkeys([*after, *before])
    if both:
        names = dict.fromkeys(name for name in after if name in before)
    return tuple(name for name in names if before.get(name) != after.get(name))
