"""Long recordings: where they are cut, and answers as annotation files."""
