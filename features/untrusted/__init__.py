"""Pickles, archives, arrays and HDF5 files of strangers, read without running anything in them."""
