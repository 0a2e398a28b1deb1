"""Baselines by scikit-learn on pooled tracks: what a head must be better than."""
