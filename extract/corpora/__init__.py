"""Corpus readers, one file each; the contract is in extract/corpus/reader.py."""
