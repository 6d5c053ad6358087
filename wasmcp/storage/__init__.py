"""What is kept on this machine, addressed by content: digests, and the user's caches. Below projects and registries."""
