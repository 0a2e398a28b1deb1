"""The results of runs: figures, comparisons, curves and the report page."""
