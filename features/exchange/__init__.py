"""Formats of feature files that other tools read and write, one file each."""
