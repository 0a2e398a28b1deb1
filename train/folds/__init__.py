"""Who trains, who selects and who is tested."""
