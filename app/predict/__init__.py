"""Predictions of trained heads for new clips."""
