"""HTTP libraries of Python over the component's HTTP client, without changes in the author's code.

`seams` lists the libraries, and applies the seam of each when its module has been imported.
"""
