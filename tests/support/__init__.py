"""Servers, components, projects and tables that several tests share."""
