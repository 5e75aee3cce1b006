"""Loads files into RAW exactly once: compare with the manifest, append, verify, commit."""
