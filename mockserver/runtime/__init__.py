"""The shell around the world: clock, node, courier."""
