"""What the formats of features/exchange share: items in and out, safe reading, what is decoded."""
