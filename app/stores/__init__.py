"""`stores` and `runs heal`: cached tracks are looked at, checked, healed, and kept once."""
