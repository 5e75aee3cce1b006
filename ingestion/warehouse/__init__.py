"""The databases: connections, statements, and the lease that admits one writer."""
