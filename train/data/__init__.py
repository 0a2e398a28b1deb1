"""What a head reads: tracks joined with labels, padded batches and their masks, dialogues."""
