"""Callback receivers judged: what they answer to deliveries good and bad."""
