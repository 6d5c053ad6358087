"""Declarations of tools, resources, prompts and completions."""
