"""The operator's jobs: run, status, doctor, vacuum."""
