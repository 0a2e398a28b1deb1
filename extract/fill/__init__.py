"""The running machine: manifest to media to backbone to parts to a published store."""
