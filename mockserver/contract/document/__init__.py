"""An OpenAPI document as it was read, and what it says, leaves unsaid or says in prose alone."""
