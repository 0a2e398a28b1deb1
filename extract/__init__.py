"""Stage 1: raw media to tracks."""
