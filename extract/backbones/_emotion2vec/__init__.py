"""The network of emotion2vec and its files."""
