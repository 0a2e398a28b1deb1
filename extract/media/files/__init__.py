"""Media files by their content: whole or cut short, and decoded on the clock of the file."""
