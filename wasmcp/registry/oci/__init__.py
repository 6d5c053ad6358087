"""Client for OCI registries: references, transport, authentication, pull and push."""
