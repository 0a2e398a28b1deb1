"""One training of a head: one fold, one seed."""
