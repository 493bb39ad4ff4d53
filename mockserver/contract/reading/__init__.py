"""From the files of a document to the document: JSON and YAML, neighbours, 3.0, and whether it can be read at all."""
