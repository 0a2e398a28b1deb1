"""What a trained head's decisions come from."""
