"""One module per engine; each implements `ingestion.engine.Engine`."""
