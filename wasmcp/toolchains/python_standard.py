"""The standard library inside a component, as far as the toolchain has to know it."""

from __future__ import annotations

import sys

_NEWER = {"annotationlib", "compression", "tomllib"}  # in the component's Python, but not in every one of ours


def is_standard(name: str) -> bool:
    """Whether a top-level module belongs to the standard library."""
    return name in sys.stdlib_module_names or name in _NEWER or name == "__future__"


_CODECS = """
    ascii base64_codec charmap cp037 cp1026 cp1140 cp1250 cp1251 cp1252 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 cp437
    cp500 cp850 cp852 cp855 cp858 cp860 cp861 cp862 cp863 cp865 cp866 cp869 cp874 hex_codec idna iso8859_1 iso8859_10
    iso8859_11 iso8859_13 iso8859_14 iso8859_15 iso8859_16 iso8859_2 iso8859_3 iso8859_4 iso8859_5 iso8859_6 iso8859_7
    iso8859_8 iso8859_9 koi8_r koi8_u latin_1 mac_cyrillic mac_greek mac_latin2 mac_roman mac_turkish punycode
    quopri_codec raw_unicode_escape rot_13 tis_620 undefined unicode_escape utf_16 utf_16_be utf_16_le utf_32 utf_32_be
    utf_32_le utf_7 utf_8 utf_8_sig uu_codec zlib_codec
"""

STANDARD = (
    "_strptime",  # datetime.strptime, time.strptime
    "calendar",
    "locale",
    "copyreg",
    "linecache",  # tracebacks
    "tokenize",
    "traceback",
    "warnings",
    "stringprep",  # the idna codec
    "unicodedata",
    *(f"encodings.{name}" for name in _CODECS.split()),
)
"""Modules that the standard library imports behind the scenes, imported into every component."""
