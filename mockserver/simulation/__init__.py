"""The pure world: a command goes in; a reply, events and sends come out. No clock, no randomness, no I/O."""
