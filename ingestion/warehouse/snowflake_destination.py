"""dlt's Snowflake destination, without the statements that the load protocol does not need.

dlt puts each COPY into a transaction, for which it turns autocommit off and on again. A COPY is one
statement, which Snowflake commits as a whole, and its rows count only once the manifest has their
files. Of a file without rows only its table matters, which is there before any file is loaded.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
from dlt.destinations import snowflake
from dlt.destinations.impl.snowflake.snowflake import SnowflakeClient
from dlt.destinations.impl.snowflake.sql_client import SnowflakeSqlClient
from dlt.destinations.job_impl import FinalizedLoadJob

if TYPE_CHECKING:
    from dlt.common.destination.client import LoadJob
    from dlt.common.destination.typing import PreparedTableSchema


class _SqlClient(SnowflakeSqlClient):
    @contextmanager
    def begin_transaction(self) -> Iterator[SnowflakeSqlClient]:
        """Begins none."""
        yield self


class _Client(SnowflakeClient):
    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        made, config = self.sql_client, self.config
        self.sql_client = _SqlClient(
            made.dataset_name,
            made.staging_dataset_name,
            config.credentials,
            self.capabilities,
            config.query_tag,
        )

    def is_storage_initialized(self) -> bool:
        """Whether the schema is there: the lease's table is in it."""
        return True

    def create_load_job(
        self, table: PreparedTableSchema, file_path: str, load_id: str, restore: bool = False
    ) -> LoadJob:
        """Loads a file, unless it has no rows."""
        if Path(file_path).suffix == ".parquet" and not pq.read_metadata(file_path).num_rows:
            return FinalizedLoadJob(file_path)
        return super().create_load_job(table, file_path, load_id, restore)


class Snowflake(snowflake):
    """The destination, under dlt's name for it and with its configuration."""

    def __init__(self, **options: Any) -> None:
        super().__init__(destination_name="snowflake", **options)

    @property
    def destination_type(self) -> str:
        """How dlt refers to it."""
        return f"dlt.destinations.{snowflake.__name__}"

    @property
    def client_class(self) -> type[SnowflakeClient]:
        """What talks to Snowflake."""
        return _Client
