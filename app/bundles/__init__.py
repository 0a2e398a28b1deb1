"""Trained heads as folders that can be handed on."""
