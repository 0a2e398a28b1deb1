"""What is known of one epoch of a training."""

# Seed, number, training loss, every dev figure as dev_<measure>_<metric>, and what was paced.
Epoch = dict[str, float | int]
