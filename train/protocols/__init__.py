"""How a corpus is cut into training, dev and test splits, one file each."""
