"""Import package of the server."""
