"""nginx in front of several servers, for tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from .server_processes import free_port, listening

PROGRAM = shutil.which("nginx") or shutil.which("/usr/sbin/nginx")

if PROGRAM is None:
    warnings.warn("`nginx` is not installed: the tests behind nginx are SKIPPED (make system-deps)", stacklevel=1)

needs_nginx = pytest.mark.skipif(PROGRAM is None, reason="needs `nginx`: run `make system-deps`")

_CONFIGURATION = """\
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
{upstream}
  server {{
    listen 127.0.0.1:{port};
{location}
  }}
}}
"""
# docs/guides/scale-out.md shows the same.
_UPSTREAM = """\
  upstream mcp {{
    {servers}
  }}
"""
_LOCATION = """\
    location /mcp {
      proxy_pass http://mcp;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Connection "";
      proxy_buffering off;
    }
"""


@contextlib.contextmanager
def nginx(folder: Path, ports: list[int]) -> Iterator[int]:
    """Run nginx, which sends requests to the servers at these ports in turn; return its port."""
    servers = "\n    ".join(f"server 127.0.0.1:{each} max_fails=1 fail_timeout=1s;" for each in ports)
    with nginx_location(folder, _LOCATION, _UPSTREAM.format(servers=servers)) as port:
        yield port


@contextlib.contextmanager
def nginx_location(folder: Path, location: str, upstream: str = "") -> Iterator[int]:
    """Run nginx with a block `location`, and blocks in front of the server; return its port."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    file = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""  # the folders of tests are closed to other users
    text = _CONFIGURATION.format(folder=folder, user=user, upstream=upstream, location=location, port=port)
    file.write_text(text, "utf-8")
    subprocess.run([str(PROGRAM), "-t", "-q", "-c", str(file)], check=True, capture_output=True)
    with listening([str(PROGRAM), "-c", str(file)], port):
        yield port
