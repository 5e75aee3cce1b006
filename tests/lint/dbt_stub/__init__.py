"""What sqlfluff's jinja templater does not know of dbt, so that models are linted as they compile.

Loaded through ``library_path`` in ``.sqlfluff``. sqlfluff itself brings ``ref``, ``source``,
``config``, ``return`` and ``is_incremental``, and loads the macros of the project.
"""

from collections.abc import Callable
from types import SimpleNamespace

from jinja2 import pass_context
from jinja2.runtime import Context

execute = True
target = SimpleNamespace(schema="analytics", database="movielens")


class _Adapter:
    @pass_context
    def dispatch(self, context: Context, macro: str, package: str) -> Callable[..., str]:
        """Choose the variant of the dialect that is being linted, as dbt chooses by adapter."""
        variant: Callable[..., str] = context[f"{context['linted_dialect']}__{macro}"]
        return variant


class _Relation:
    @staticmethod
    def create(database: str, schema: str, identifier: str, type: str) -> str:
        """Name a relation that no model makes."""
        return f"{schema}.{identifier}"


adapter = _Adapter()
api = SimpleNamespace(Relation=_Relation)


def run_query(sql: str) -> SimpleNamespace:
    """Answer every question to the database with 1: incremental models lint as incremental."""
    return SimpleNamespace(columns=[SimpleNamespace(values=lambda: [1])])


def should_full_refresh() -> bool:
    """Let incremental models lint as incremental."""
    return False
