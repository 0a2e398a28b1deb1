"""The track store: parts in a pool, published as one Zarr v3 group per corpus and backbone."""
