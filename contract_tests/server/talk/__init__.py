"""How a run speaks to a server: requests, answers, callbacks, time, money."""
