"""Substitute for `ssl` in a component, where the host makes secure connections and always checks certificates.

Libraries import `ssl`, make contexts and catch its exceptions: this works. Settings of a context that the host does
not support are an `SSLError`: certificate authorities and client certificates of the component at once, unchecked
certificates at the first connection; see `wasmcp.guest.network.exchanges.check_tls`.
"""

from __future__ import annotations

import enum
import os
from collections import namedtuple
from typing import Any

_REFUSED = "the host of a component makes its secure connections"


class SSLError(OSError):
    """Error of a secure connection."""

    library: str | None = None
    reason: str | None = None

    def __str__(self) -> str:
        return self.strerror if isinstance(self.strerror, str) else super().__str__()


class SSLZeroReturnError(SSLError):
    """The connection was closed."""


class SSLWantReadError(SSLError):
    """Never raised in a component."""


class SSLWantWriteError(SSLError):
    """Never raised in a component."""


class SSLSyscallError(SSLError):
    """Never raised in a component."""


class SSLEOFError(SSLError):
    """The connection ended without a closing message."""


class SSLCertVerificationError(SSLError, ValueError):
    """A certificate that the host rejects."""

    verify_code = 0
    verify_message = ""


CertificateError = SSLCertVerificationError
socket_error = OSError


class VerifyMode(enum.IntEnum):
    """Values of `SSLContext.verify_mode`."""

    CERT_NONE = 0
    CERT_OPTIONAL = 1
    CERT_REQUIRED = 2


class TLSVersion(enum.IntEnum):
    """Versions of the protocol."""

    MINIMUM_SUPPORTED = -2
    SSLv3 = 768
    TLSv1 = 769
    TLSv1_1 = 770
    TLSv1_2 = 771
    TLSv1_3 = 772
    MAXIMUM_SUPPORTED = -1


class Purpose(enum.Enum):
    """Purposes of a context."""

    SERVER_AUTH = "1.3.6.1.5.5.7.3.1"
    CLIENT_AUTH = "1.3.6.1.5.5.7.3.2"


class Options(enum.IntFlag):
    """Options of OpenSSL, which have no effect in a component."""

    OP_ALL = 0x80000050
    OP_CIPHER_SERVER_PREFERENCE = 0x400000
    OP_ENABLE_MIDDLEBOX_COMPAT = 0x100000
    OP_IGNORE_UNEXPECTED_EOF = 0x80
    OP_LEGACY_SERVER_CONNECT = 0x4
    OP_NO_COMPRESSION = 0x20000
    OP_NO_RENEGOTIATION = 0x40000000
    OP_NO_SSLv2 = 0x0
    OP_NO_SSLv3 = 0x2000000
    OP_NO_TICKET = 0x4000
    OP_NO_TLSv1 = 0x4000000
    OP_NO_TLSv1_1 = 0x10000000
    OP_NO_TLSv1_2 = 0x8000000
    OP_NO_TLSv1_3 = 0x20000000
    OP_SINGLE_DH_USE = 0x0
    OP_SINGLE_ECDH_USE = 0x0


class VerifyFlags(enum.IntFlag):
    """Flags of certificate checks, which have no effect in a component."""

    VERIFY_DEFAULT = 0
    VERIFY_CRL_CHECK_LEAF = 0x4
    VERIFY_CRL_CHECK_CHAIN = 0xC
    VERIFY_X509_STRICT = 0x20
    VERIFY_X509_TRUSTED_FIRST = 0x8000
    VERIFY_ALLOW_PROXY_CERTS = 0x40
    VERIFY_X509_PARTIAL_CHAIN = 0x80000


class _SSLMethod(enum.IntEnum):
    PROTOCOL_TLS = 2
    PROTOCOL_TLSv1 = 3
    PROTOCOL_TLSv1_1 = 4
    PROTOCOL_TLSv1_2 = 5
    PROTOCOL_TLS_CLIENT = 16
    PROTOCOL_TLS_SERVER = 17


class AlertDescription(enum.IntEnum):
    """Alerts of the protocol."""

    ALERT_DESCRIPTION_CLOSE_NOTIFY = 0


class SSLErrorNumber(enum.IntEnum):
    """Error numbers of OpenSSL."""

    SSL_ERROR_SSL = 1
    SSL_ERROR_WANT_READ = 2
    SSL_ERROR_WANT_WRITE = 3
    SSL_ERROR_SYSCALL = 5
    SSL_ERROR_ZERO_RETURN = 6
    SSL_ERROR_EOF = 8


for _kind in (VerifyMode, Options, VerifyFlags, _SSLMethod, AlertDescription, SSLErrorNumber):
    globals().update(_kind.__members__)

PROTOCOL_SSLv23 = _SSLMethod.PROTOCOL_TLS
HAS_SNI = HAS_ALPN = HAS_ECDH = HAS_TLSv1_2 = HAS_TLSv1_3 = True
HAS_NPN = HAS_PSK = HAS_SSLv2 = HAS_SSLv3 = HAS_TLSv1 = HAS_TLSv1_1 = False
HAS_NEVER_CHECK_COMMON_NAME = True
OPENSSL_VERSION = "OpenSSL 3.0.0 (substitute of wasmcp: the host makes secure connections)"
OPENSSL_VERSION_INFO = (3, 0, 0, 0, 0)
OPENSSL_VERSION_NUMBER = 0x30000000
CHANNEL_BINDING_TYPES: list[str] = []

DefaultVerifyPaths = namedtuple(  # noqa: PYI024 - as in the standard library
    "DefaultVerifyPaths", "cafile capath openssl_cafile_env openssl_cafile openssl_capath_env openssl_capath"
)


def get_default_verify_paths() -> Any:
    """Return no paths: the certificates of the host are used."""
    return DefaultVerifyPaths(None, None, "SSL_CERT_FILE", "", "SSL_CERT_DIR", "")


class SSLObject:
    """Secure connection over memory; a component never creates one."""


class SSLSocket:
    """Secure connection over a socket; a component never creates one."""


class SSLSession:
    """Session of a secure connection; a component never creates one."""


class MemoryBIO:
    """Buffer of a secure connection.

    Raises:
        SSLError: Always.
    """

    def __init__(self) -> None:
        raise SSLError(f"`ssl.MemoryBIO` does not work: {_REFUSED}")


class SSLContext:
    """Settings of secure connections.

    Those that weaken the check of certificates are recorded, and refused at the first connection; all others are
    decided by the host.
    """

    sslsocket_class = SSLSocket
    sslobject_class = SSLObject

    def __init__(self, protocol: int | None = None, *_: Any, **__: Any) -> None:
        self.protocol = _SSLMethod.PROTOCOL_TLS if protocol is None else protocol
        is_client = protocol == _SSLMethod.PROTOCOL_TLS_CLIENT
        self.verify_mode = VerifyMode.CERT_REQUIRED if is_client else VerifyMode.CERT_NONE
        self.check_hostname = is_client
        self.options = Options(0)
        self.verify_flags = VerifyFlags.VERIFY_DEFAULT
        self.minimum_version = TLSVersion.MINIMUM_SUPPORTED
        self.maximum_version = TLSVersion.MAXIMUM_SUPPORTED
        self.hostname_checks_common_name = False
        self.keylog_filename = None
        self.post_handshake_auth = False
        self.security_level = 2
        self.sni_callback = None

    def load_cert_chain(self, certfile: Any, keyfile: Any = None, password: Any = None) -> None:
        """Refuse a client certificate.

        Raises:
            SSLError: Always.
        """
        del keyfile, password
        raise SSLError(f"the client certificate `{certfile}` cannot be used: {_REFUSED}, without client certificates")

    def load_verify_locations(self, cafile: Any = None, capath: Any = None, cadata: Any = None) -> None:
        """Accept the certificates of `certifi`, in whose place the host uses its own, and refuse others.

        Raises:
            SSLError: Other certificates are given.
        """
        if cafile is None and capath is None and cadata is None:
            raise TypeError("cafile, capath and cadata cannot be all omitted")
        given = os.fsdecode(cafile) if cafile is not None else ""
        if given.replace("\\", "/").endswith("/certifi/cacert.pem") and capath is None and cadata is None:
            return
        place = given or (os.fsdecode(capath) if capath is not None else "cadata")
        raise SSLError(
            f"the certificate authorities `{place}` cannot be used: {_REFUSED}, and checks certificates with its own "
            "authorities only"
        )

    def load_default_certs(self, purpose: Purpose = Purpose.SERVER_AUTH) -> None:
        """Do nothing: the certificates of the host are used."""

    def set_default_verify_paths(self) -> None:
        """Do nothing: the certificates of the host are used."""

    def set_ciphers(self, ciphers: str) -> None:
        """Do nothing: the host decides."""

    def set_alpn_protocols(self, alpn_protocols: Any) -> None:
        """Do nothing: the host decides."""

    def set_npn_protocols(self, npn_protocols: Any) -> None:
        """Do nothing: the host decides."""

    def set_ecdh_curve(self, name: str) -> None:
        """Do nothing: the host decides."""

    def get_ca_certs(self, binary_form: bool = False) -> list[Any]:
        """Return no certificates: those of the host are used."""
        del binary_form
        return []

    def get_ciphers(self) -> list[Any]:
        """Return no ciphers: the host decides."""
        return []

    def cert_store_stats(self) -> dict[str, int]:
        """Return the number of loaded certificates: 0."""
        return {"x509": 0, "crl": 0, "x509_ca": 0}

    def wrap_bio(self, *_: Any, **__: Any) -> Any:
        """Refuse a secure connection over memory.

        Raises:
            SSLError: Always.
        """
        raise SSLError(f"`SSLContext.wrap_bio` does not work: {_REFUSED}")

    def wrap_socket(self, sock: Any, *_: Any, **__: Any) -> Any:
        """Refuse a secure connection over a socket; `wasmcp.guest.network` replaces those of HTTP libraries.

        Raises:
            SSLError: Always.
        """
        del sock
        raise SSLError(f"`SSLContext.wrap_socket` works for HTTP only: {_REFUSED}")


def create_default_context(
    purpose: Purpose = Purpose.SERVER_AUTH, *, cafile: Any = None, capath: Any = None, cadata: Any = None
) -> SSLContext:
    """Return a context that checks certificates; see `ssl.create_default_context`.

    Raises:
        SSLError: Certificates other than those of `certifi` are given.
    """
    if not isinstance(purpose, Purpose):
        raise TypeError(purpose)
    context = SSLContext(_SSLMethod.PROTOCOL_TLS_CLIENT)
    if cafile or capath or cadata:
        context.load_verify_locations(cafile, capath, cadata)
    return context


_create_default_https_context = create_default_context


def _create_unverified_context(*_: Any, **__: Any) -> SSLContext:
    context = SSLContext(_SSLMethod.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = VerifyMode.CERT_NONE
    return context


_create_stdlib_context = _create_unverified_context


def match_hostname(cert: Any, hostname: str) -> None:
    """Do nothing: the host checks names."""


def RAND_bytes(n: int, /) -> bytes:  # noqa: N802 - as in the standard library
    """Return random bytes."""
    return os.urandom(n)


def RAND_status() -> bool:  # noqa: N802
    """Return True."""
    return True


def RAND_add(data: Any, entropy: float, /) -> None:  # noqa: N802
    """Do nothing: the host provides random numbers."""


def get_server_certificate(*_: Any, **__: Any) -> str:
    """Refuse to fetch a certificate.

    Raises:
        SSLError: Always.
    """
    raise SSLError(f"`ssl.get_server_certificate` does not work: {_REFUSED}")
