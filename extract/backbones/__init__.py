"""Frozen networks, one file per family."""
