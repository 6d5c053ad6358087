"""Resolution of component specs: files, aliases, profiles, components of the project, and registries."""
