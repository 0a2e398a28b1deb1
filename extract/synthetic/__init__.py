"""Corpora that the project makes itself, one file each."""
