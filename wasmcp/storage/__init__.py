"""Content-addressed storage on this machine: digests and the user's caches. Imported by projects and registries."""
