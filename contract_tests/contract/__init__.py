"""The contract that a run judges by: a document, and what it says of one model; read once and passed along."""
