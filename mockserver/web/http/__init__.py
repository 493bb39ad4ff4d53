"""HTTP/1.1 on a socket: bytes into requests, answers into bytes."""
