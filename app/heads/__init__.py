"""What commands need to train and restore heads that are made of a frozen network's own layers."""
