"""OpenAPI documents turned into operations: what a request may be, how an answer looks and behaves."""
