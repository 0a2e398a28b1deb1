"""The contract of a backbone, its files, and exact batches."""
