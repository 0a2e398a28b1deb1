"""The frozen dataclasses that params.yaml is read into."""
