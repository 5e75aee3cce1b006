"""Reads a file: each record is loaded exactly or rejected; too many rejects refuse the file."""
