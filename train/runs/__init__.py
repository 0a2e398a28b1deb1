"""What lands on disk: runs, transfers and sweeps."""
