"""What a file says: a record is loaded as it stands or rejected; too many refuse the file."""
