"""Environments in which the wheel of wasmcp has to work: `python -m environments [--small]`.

Each one is a fresh virtual environment with one interpreter, one front end of builds, and given versions of hatchling,
pytest and wasmtime. In it the wheel is installed, a project is built and its wheel installed, and the project's tests
run.
"""
