"""What a run asks of a server: small talks, each about a promise or a few."""
