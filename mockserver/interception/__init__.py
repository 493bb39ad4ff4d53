"""Programs with the live hosts written into them reach the mock: a proxy, a TLS listener, an authority of one run."""
