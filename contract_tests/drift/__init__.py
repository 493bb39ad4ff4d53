"""Recordings of a live service, compared with the document and with the fake."""
