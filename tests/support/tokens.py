"""Access tokens and the keys that sign them, and a server that shows the identity of its requests."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from support.zig_tools import build
from wasmcp.compose import ComponentSpec, ServerMetadata, compose_server

ISSUER = "https://issuer.test"
SERVER = "http://127.0.0.1/mcp"

WHOAMI = """\
const std = @import("std");
const mcp = @import("wasmcp");

pub const tools = .{mcp.tool("whoami", "The identity of the request.", whoami)};

fn whoami(context: mcp.Context) ![]const u8 {
    context.progress(1, 1, null);
    const identity = context.request.identity() orelse return "anonymous";
    var text: []const u8 = identity.subject;
    for (identity.scopes) |scope| text = try std.fmt.allocPrint(mcp.allocator, "{s} {s}", .{ text, scope });
    const parts = .{ text, identity.issuer orelse "-", identity.claims };
    return std.fmt.allocPrint(mcp.allocator, "{s}|{s}|{s}", parts);
}
"""


def private_key(algorithm: str) -> Any:
    """Return a new private key for an algorithm of JOSE."""
    if algorithm.startswith("ES"):
        return ec.generate_private_key(
            {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}[algorithm]
        )
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, 2048)


def public_pem(key: Any) -> str:
    """Return the public key of a private one as PEM."""
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, info).decode()


def jwk(key: Any, algorithm: str, **members: Any) -> dict[str, Any]:
    """Return the public key of a private one as a JSON Web Key."""
    found = jwt.get_algorithm_by_name(algorithm).to_jwk(key.public_key(), as_dict=True)
    found.pop("key_ops", None)
    return {**found, **members}


def claims(**more: Any) -> dict[str, Any]:
    """Return the claims of a valid token; a value of None removes one."""
    now = int(time.time())
    found = {"iss": ISSUER, "sub": "alice", "aud": SERVER, "iat": now, "exp": now + 600, **more}
    return {name: value for name, value in found.items() if value is not None}


def encoded(value: bytes | Any) -> str:
    """Return bytes, or a value as JSON, in base64url."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(key: Any, algorithm: str, header: bytes | dict[str, Any], payload: bytes | dict[str, Any]) -> str:
    """Return a token with exactly this header and payload, signed."""
    message = f"{encoded(header)}.{encoded(payload)}"
    signature = jwt.get_algorithm_by_name(algorithm).sign(message.encode(), key)
    return f"{message}.{encoded(signature)}"


def whoami_component(folder: Path) -> bytes:
    """Build the component with the tool `whoami`."""
    return build(folder, WHOAMI).read_bytes()


def compose(component: bytes, **options: Any) -> bytes:
    """Compose a server of it."""
    spec = ComponentSpec("whoami", component, grants=frozenset({"middleware"}), dynamic=True)
    return compose_server([spec], ServerMetadata("who", "1"), **options).data
