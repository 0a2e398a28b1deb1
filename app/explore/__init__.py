"""A page to look into a corpus with: its clips, what heads make of them, and its stores."""
