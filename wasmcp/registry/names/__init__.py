"""Names of components: specs, aliases, profiles, namespaces and policies."""
