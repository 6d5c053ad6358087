"""Packages of Python for tests: wheels made by hand, for indexes that are folders, and an index on the loopback.

The index takes what twine uploads, and serves it to pip (PEP 503).
"""

from __future__ import annotations

import base64
import contextlib
import email.parser
import email.policy
import hashlib
import threading
import zipfile
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def wheel(
    index: Path,
    name: str,
    version: str,
    files: Mapping[str, str | bytes] | None = None,
    *,
    needs: str = "",
    tag: str = "py3-none-any",
) -> Path:
    """Make a wheel, for every platform unless another tag is given."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\nLicense-Expression: MIT\n"
    contents = {
        **({f"{name}/__init__.py": f"VERSION = {version!r}\n"} if files is None else files),
        f"{info}/METADATA": metadata + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{path},sha256={_hash(text)},{len(text)}\n" for path, text in contents.items())
    path = index / f"{name}-{version}-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for inner, text in {**contents, f"{info}/RECORD": record + f"{info}/RECORD,,\n"}.items():
            archive.writestr(inner, text)
    return path


def _hash(content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


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
