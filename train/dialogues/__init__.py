"""How the utterances of a dialogue see each other, one file each."""
