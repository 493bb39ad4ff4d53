"""What is judged of a request: its fields, its query, its uploads, and how an objection is told."""
