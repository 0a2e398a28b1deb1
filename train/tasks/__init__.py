"""What a head predicts and how it is scored in training, one file each."""
