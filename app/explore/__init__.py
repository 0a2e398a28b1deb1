"""A page for exploring a corpus: its clips, what heads predict for them, and its stores."""
