"""How the steps of one track see each other, one file each."""
