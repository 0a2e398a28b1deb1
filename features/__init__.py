"""The table between the two stages: manifests, parameters and the track store. Never torch."""
