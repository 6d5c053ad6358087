"""Matrix of runtimes: the same servers under each runtime, with the cells that cannot work as expected failures."""
