"""One training: a head or a probe, one fold, one seed."""
