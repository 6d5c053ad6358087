"""Where components come from: files, aliases, profiles, the project at hand, and registries."""
