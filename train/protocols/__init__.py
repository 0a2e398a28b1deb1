"""How a corpus is cut into parts that train, choose and test, one file each."""
