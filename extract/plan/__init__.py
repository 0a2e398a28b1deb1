"""Pure functions: which utterances make a part, and what decides its bytes."""
