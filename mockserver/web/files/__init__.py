"""The files API, and the links to files and results."""
