"""Local stand-ins for production: sample data, an S3 server, a Snowflake server."""
