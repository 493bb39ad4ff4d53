"""Sphinx's configuration. Every page is ours: no font, script or style comes from another host."""

project = "evolink-mock"
extensions = ["myst_parser", "sphinx_copybutton"]
html_theme = "furo"
html_title = "evolink-mock"
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
myst_heading_anchors = 3
nitpicky = True
suppress_warnings = ["misc.highlighting_failure"]
