"""The live page at /_mock/: static files, and the headers that keep it to itself."""
