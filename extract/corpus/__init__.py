"""A folder of media becomes a manifest: what corpus readers share."""
