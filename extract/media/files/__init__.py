"""Media files, whatever their names: complete or cut short, and decoded on the file's clock."""
