"""Corpus readers, one file each: a folder to (Utterance, Label) pairs."""
