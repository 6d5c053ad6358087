"""Operation of a server: rate limits, logs of requests, and metrics."""
