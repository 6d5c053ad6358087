"""A server for the weather, and its console script."""


def main() -> None:
    """Serve over standard input and output."""
    from wasmcp.host import run

    run("weather")
