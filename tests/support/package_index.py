"""A package index on the loopback: takes what twine uploads, and serves it to pip (PEP 503)."""

from __future__ import annotations

import contextlib
import email.parser
import email.policy
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@contextlib.contextmanager
def package_index(folder: Path) -> Iterator[str]:
    """Serve an index that keeps its files in a folder; its URL, without a slash at the end."""
    folder.mkdir(parents=True, exist_ok=True)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the legacy upload API of PyPI
            body = self.rfile.read(int(self.headers["Content-Length"]))
            head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
            message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
            for part in message.iter_parts():
                if part.get_filename():
                    (folder / Path(part.get_filename()).name).write_bytes(part.get_payload(decode=True))
            self._answer(b"")

        def do_GET(self) -> None:
            _, kind, name, *_ = f"{self.path}//".split("/")
            if kind == "files":
                self._answer((folder / Path(name).name).read_bytes())
                return
            found = [file.name for file in sorted(folder.iterdir()) if _project(file.name) == name]
            links = "".join(f'<a href="/files/{file}">{file}</a>' for file in found)
            self._answer(f"<!DOCTYPE html><html><body>{links}</body></html>".encode(), 200 if found else 404)

        def _answer(self, body: bytes, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _project(file: str) -> str:
    return file.split("-", maxsplit=1)[0].replace("_", "-").lower()
