"""How the API behaves: what can be otherwise, where, and under which name."""
