"""What a person beside you would say: hints, each once per kind and key, out of what was exchanged."""
