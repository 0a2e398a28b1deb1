"""One utterance of one modality to arrays; audio and video in a killable child process."""
