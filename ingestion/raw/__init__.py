"""Exactly once into RAW: compare with the manifest, append, verify, commit."""
