"""Servers judged: the fake, a staging gateway, the live API."""
