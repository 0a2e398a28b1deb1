"""What networks on a waveform share."""
