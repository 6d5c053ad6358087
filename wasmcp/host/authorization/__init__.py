"""Keys of issuers, and introspection of tokens, which this host fetches for the authorization of a server."""
