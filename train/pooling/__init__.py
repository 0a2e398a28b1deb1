"""How the steps of a track become one vector, one file each."""
