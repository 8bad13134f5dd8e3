"""The only reader and writer of CSV: encoding and delimiter found out, cells no spreadsheet runs."""

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

BYTES_MAX = 5 * 1024 * 1024
ROWS_MAX = 10_000  # of one file: more would hold a request for too long
COLUMNS_MAX = 200
DELIMITERS = ",;\t"
SAMPLE = 50  # rows that a delimiter is tried on
# What makes a spreadsheet run a cell, in the widths that are read alike
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"),
         (codecs.BOM_UTF16_BE, "utf-16-be"))  # fmt: skip


class CsvError(ValueError):
    """A file that is no table. `code` is stable, `line` says where, 0: everywhere.

    Codes: empty, size, encoding, quotes, rows, columns, header.
    """

    def __init__(self, code: str, line: int = 0) -> None:
        super().__init__(f"{code} in line {line}" if line else code)
        self.code = code
        self.line = line


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row, and the line of the file on which it begins, from 1."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table: its header and its rows; rows without a word are left out."""

    encoding: str
    delimiter: str
    header: tuple[str, ...]
    rows: tuple[Row, ...]


def read(content: bytes, *, rows_max: int = ROWS_MAX, bytes_max: int = BYTES_MAX) -> Sheet:
    """The table in a file. Raises CsvError."""
    if len(content) > bytes_max:
        raise CsvError("size")
    text, encoding = _decode(content)
    text, skipped, delimiter = _declared(text)
    delimiter = delimiter or _delimiter(text)
    rows = []
    for row in _rows(text, delimiter, skipped):
        rows.append(row)
        if len(rows) > rows_max + 1:
            raise CsvError("rows", row.line)
    if not rows:
        raise CsvError("empty")
    header = tuple(cell.strip() for cell in rows[0].cells)
    while header and not header[-1]:
        header = header[:-1]
    if len(header) > COLUMNS_MAX:
        raise CsvError("columns", rows[0].line)
    if any("@" in cell for cell in header):
        raise CsvError("header", rows[0].line)
    return Sheet(encoding, delimiter, header, tuple(rows[1:]))


def _decode(content: bytes) -> tuple[str, str]:
    """The text and the name of its encoding: by its mark, by its zeros, else UTF-8 or Windows'."""
    for bom, name in _BOMS:
        if content.startswith(bom):
            return _strictly(content[len(bom) :], name)
    head = content[:2000]
    if head.count(0) > len(head) // 4:  # text without a mark, every second octet of it zero
        little = head[1::2].count(0) >= head[::2].count(0)
        return _strictly(content, "utf-16-le" if little else "utf-16-be")
    try:
        return _strictly(content, "utf-8")
    except CsvError:
        return _strictly(content, "windows-1252")


def _strictly(content: bytes, name: str) -> tuple[str, str]:
    try:
        text = content.decode(name)
    except UnicodeDecodeError as err:
        raise CsvError("encoding", content.count(b"\n", 0, err.start) + 1) from err
    if "\0" in text:
        raise CsvError("encoding", text.count("\n", 0, text.index("\0")) + 1)
    return text, name


def _declared(text: str) -> tuple[str, int, str]:
    """Without a first line `sep=;`, as spreadsheets write it: text, lines taken off, delimiter."""
    first, _end, rest = text.partition("\n")
    first = first.strip()
    if first.lower().startswith("sep=") and len(first) == 5 and first[4] in DELIMITERS:
        return rest, 1, first[4]
    if first.lower() == "sep=" and text.lower().startswith("sep=\t"):
        return rest, 1, "\t"
    return text, 0, ""


def _delimiter(text: str) -> str:
    """The one that parts the header into columns, and most rows into as many."""
    best, found = (0.0, 0), ","
    for one in DELIMITERS:
        try:
            rows = [row for row, _n in zip(_rows(text, one, 0), range(SAMPLE), strict=False)]
        except CsvError:
            continue
        if not rows or len(rows[0].cells) < 2:
            continue
        width = len(rows[0].cells)
        alike = sum(len(row.cells) == width for row in rows) / len(rows)
        if (alike, width) > best:
            best, found = (alike, width), one
    return found


def _rows(text: str, delimiter: str, skipped: int) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield Row(line + skipped, tuple(cells))
            line = reader.line_num + 1
    except csv.Error as err:
        raise CsvError("quotes", line + skipped) from err


def safe(cell: str) -> str:
    """The cell so that no spreadsheet takes it for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def written(rows: Iterable[Sequence[str]]) -> Iterator[bytes]:
    """The rows as a file that spreadsheets open rightly (UTF-8 with its mark), piece by piece."""
    yield codecs.BOM_UTF8
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer)
    for number, row in enumerate(rows, start=1):
        writer.writerow([safe(cell.replace("\0", "")) for cell in row])
        if number % 200 == 0:
            yield _taken(buffer)
    yield _taken(buffer)


def _taken(buffer: io.StringIO) -> bytes:
    piece = buffer.getvalue().encode("utf-8", "replace")
    buffer.seek(0)
    buffer.truncate()
    return piece
