"""Configuration of a server by its operator: settings, environment, directories, command-line options."""
