"""What networks on frames and clips share."""
