"""How the tracks of several modalities become one vector, one file each."""
