"""Tables as people have them: delimited text, spreadsheets, JSON Lines; every cell is text."""
