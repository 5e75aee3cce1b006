"""The jobs of those who run the project: run, status, doctor, vacuum."""
