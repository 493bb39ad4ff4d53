"""What is told to whoever looks on: a page, a person."""
