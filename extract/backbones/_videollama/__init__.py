"""The parts of VideoLLaMA."""
