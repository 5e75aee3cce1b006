"""One module for each engine; `ingestion.engine` says what each has to offer."""
