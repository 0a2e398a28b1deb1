"""Folders of runs and transfers on disk: complete, as written, and of the present settings."""
