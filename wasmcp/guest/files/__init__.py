"""Read-only files inside a Python component, in memory: files of packages, and those of the option ``files``.

`archive` has their contents, `tree` their directories, `streams` opens them, and `functions` replaces the functions of
`io` and `os` that take paths.
"""
