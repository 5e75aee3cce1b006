"""Lists a landing zone, in a folder or a bucket, and fetches its files."""
