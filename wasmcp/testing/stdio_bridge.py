"""Program that connects its standard input and output to a Unix domain socket. Run it with `python -I -S`.

It imports nothing but the standard library, because each client of a test starts it.
"""

import os
import socket
import sys
import threading


def main(path: str) -> None:
    """Copy both ways until the socket is closed; the end of the input closes that direction."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)

    def forward() -> None:
        while data := os.read(0, 65536):
            connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)

    threading.Thread(target=forward, daemon=True).start()
    while data := connection.recv(65536):
        view = memoryview(data)
        while view:
            view = view[os.write(1, view) :]


if __name__ == "__main__":
    try:
        main(sys.argv[1])
    except BrokenPipeError:  # the client has ended
        sys.exit(0)
    except OSError as error:
        sys.stderr.write(f"the server under test cannot be reached: {error.strerror}. Is its test still running?\n")
        sys.exit(1)
