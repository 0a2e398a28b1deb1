"""What people touch: one file per group of commands."""
