"""Clients of S3 that are kept for as long as a process lives."""

from s3fs import S3FileSystem

from ingestion.landing import s3


def forget_clients() -> None:
    """Forgets them, where a test talks to an endpoint or with keys of its own."""
    S3FileSystem.clear_instance_cache()
    s3._client.cache_clear()
