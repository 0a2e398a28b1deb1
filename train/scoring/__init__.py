"""Figures from predictions; nothing in here trains."""
