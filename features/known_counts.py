"""How often each class occurs in corpora whose labels are often numbered, as published."""

MELD_EMOTIONS = {
    "neutral": 6436,
    "joy": 2308,
    "surprise": 1636,
    "anger": 1607,
    "sadness": 1002,
    "disgust": 361,
    "fear": 358,
}
MELD_SENTIMENTS = {"neutral": 6436, "negative": 4184, "positive": 3088}
# Splits are also passed on alone.
MELD_TRAINING_EMOTIONS = {
    "neutral": 4710,
    "joy": 1743,
    "surprise": 1205,
    "anger": 1109,
    "sadness": 683,
    "disgust": 271,
    "fear": 268,
}
MELD_TEST_EMOTIONS = {
    "neutral": 1256,
    "joy": 402,
    "surprise": 281,
    "anger": 345,
    "sadness": 208,
    "disgust": 68,
    "fear": 50,
}
# Of the pickled features that dialogue models share; the corpus itself has 595 happy turns.
IEMOCAP_SIX_EMOTIONS = {
    "happy": 648,
    "sad": 1084,
    "neutral": 1708,
    "angry": 1103,
    "excited": 1041,
    "frustrated": 1849,
}
