"""What runs say: figures, comparisons, curves and the report page."""
