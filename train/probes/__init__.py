"""Baselines with scikit-learn on pooled tracks, which a head should outperform."""
