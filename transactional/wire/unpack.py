"""Reports come packed: gzip (RFC 1952) or a zip of one file. The only place that unpacks them.

What unpacks to more than the limit is refused while it is read, so a bomb costs the limit and no
more. Nothing is written to disk, and no name inside an archive is used.
"""

import io
import zipfile
import zlib

MOST = 10 * 1024 * 1024  # octets of an unpacked report: the largest seen in the wild are below 5 MB
ENTRIES = 4  # files in an archive: a report is one
_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
# Other methods hand over whatever a block unpacks to, which may be anything
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})


class UnpackError(ValueError):
    """It is broken, encrypted, of an unknown kind, or unpacks to too much. `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def unpack(data: bytes) -> bytes:
    """The report in `data`, which may be packed once, told by its first octets. UnpackError."""
    if data.startswith(_GZIP):
        return _gunzip(data)
    if data.startswith(_ZIP):
        return _unzip(data)
    if len(data) > MOST:
        raise UnpackError("too-large", "The report is too large.")
    return data


def _gunzip(data: bytes) -> bytes:
    reader = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        found = reader.decompress(data, MOST + 1)
    except zlib.error as err:
        raise UnpackError("broken", f"The gzip data is broken: {err}") from err
    if len(found) > MOST:
        raise UnpackError("bomb", "The gzip data unpacks to too much.")
    if not reader.eof:
        raise UnpackError("broken", "The gzip data is cut short.")
    return found


def _unzip(data: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = [one for one in archive.infolist() if not one.is_dir()]
            if len(files) != 1 or len(archive.infolist()) > ENTRIES:
                raise UnpackError("entries", f"The archive holds {len(files)} files, not one.")
            (one,) = files
            if one.flag_bits & 1:
                raise UnpackError("encrypted", "The archive is encrypted.")
            if one.compress_type not in _METHODS:
                raise UnpackError("method", "The archive is packed in an unusual way.")
            with archive.open(one) as opened:
                found = opened.read(MOST + 1)  # what the archive says of its size may be a lie
    except UnpackError:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as err:
        raise UnpackError("broken", f"The archive is broken: {err}") from err
    if len(found) > MOST:
        raise UnpackError("bomb", "The archive unpacks to too much.")
    return found
