"""The candidate: the build that production shows, whose marts may be published."""

from __future__ import annotations

from ingestion.build import registry
from ingestion.build.environments import PRODUCTION
from ingestion.build.registry import Build
from ingestion.warehouse.base import Warehouse


def candidate(target: Warehouse) -> Build | None:
    """Finds the candidate in the warehouse: audited, like every build that is registered.

    Returns:
        The candidate; None if there is none, or an earlier release built it.
    """
    return registry.read(target).shown_by(PRODUCTION)
