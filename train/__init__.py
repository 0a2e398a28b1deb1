"""Stage 2: cached tracks to a small head."""
