"""What a developer's machine stands in for: sample data, an S3 server, a Snowflake server."""
