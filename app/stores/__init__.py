"""`stores` and `runs heal`: inspect, check and heal cached tracks, and keep them on disk once."""
