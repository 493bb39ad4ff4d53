"""Several servers on one log: who answers what, requests passed on, calls that concern all of them."""
