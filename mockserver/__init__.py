"""A stateful mock server for EvoLink's asynchronous generation API."""

__version__ = "0.1.0"
