"""From a folder of media to a manifest: the contract of corpus readers, and what they share."""
