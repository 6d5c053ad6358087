"""Looking at components and servers: what they offer, how they are wired, how two differ, what a machine lacks."""
