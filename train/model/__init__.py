"""The torch modules of a head, and the contracts of its exchangeable pieces."""
