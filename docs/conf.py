"""How Sphinx makes a site of these pages: ``sphinx-build -W docs site``."""

project = "Permafrost"
author = "The Permafrost developers"
project_copyright = "2026, the Permafrost developers (Apache-2.0)"
extensions = ["myst_nb"]
exclude_patterns = ["examples", "generate", "images/*.md"]
myst_heading_anchors = 4
# The notebook is executed by the tests, and shown with the output that it was saved with.
nb_execution_mode = "off"
html_theme = "furo"
html_title = "Permafrost"
html_static_path = ["images"]
