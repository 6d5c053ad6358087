"""`python -m wasmcp`: the same as the console script."""

from wasmcp.cli import main

if __name__ == "__main__":
    main()
