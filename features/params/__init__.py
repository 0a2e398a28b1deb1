"""params.yaml becomes specs, and every problem in it is reported at once."""
