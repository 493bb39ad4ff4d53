"""Contract tests: what the documents promise, judged over HTTP, of servers, clients and callback receivers."""
