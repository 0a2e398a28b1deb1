"""What commands say of a corpus beside its utterances: counts, imported files, its sounds."""
