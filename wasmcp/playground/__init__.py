"""`wasmcp dev`: a server that is rebuilt and reloaded when its sources change, and a page to try it."""
