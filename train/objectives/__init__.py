"""Losses that predict nothing and shape what a head learns, one file each."""
