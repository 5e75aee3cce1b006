"""Connections to the databases, their SQL, and the lease that admits one writer."""
