"""`python -m wasmcp.cli`."""

from wasmcp.cli import main

if __name__ == "__main__":
    main()
