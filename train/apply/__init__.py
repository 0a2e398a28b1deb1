"""What trained heads answer for new utterances."""
