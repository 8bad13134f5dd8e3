"""Files as spreadsheets and exports write them are read as meant; anything else is an error."""

import codecs
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional import csv_file
from transactional.csv_file import CsvError

TABLE = [
    ["email", "città"],
    ["anna@x.example", "Forlì, € 3; \t«ok»"],
    ["b@x.example", 'say "hi"\nyes'],
]


def encoded(delimiter: str, encoding: str, bom: bytes = b"", end: str = "\r\n") -> bytes:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(TABLE)
    return bom + out.getvalue().encode(encoding)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize(
    ("encoding", "bom"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("windows-1252", b""),
    ],
)
def test_encoding_and_delimiter_are_found_out(
    delimiter: str, encoding: str, bom: bytes, end: str
) -> None:
    sheet = csv_file.read(encoded(delimiter, encoding, bom, end))
    assert (sheet.delimiter, sheet.encoding) == (delimiter, encoding)
    assert [list(sheet.header), *([*row.cells] for row in sheet.rows)] == TABLE


def test_lines_are_those_of_the_file() -> None:
    sheet = csv_file.read(b'sep=;\n\nemail;note\n;\na@x.example;"two\nlines"\n\nb@x.example;x\n')
    assert sheet.delimiter == ";"
    assert [row.line for row in sheet.rows] == [5, 8]


def test_one_column_is_enough_and_commas_may_stand_in_a_semicolon_file() -> None:
    assert csv_file.read(b"email\na@x.example\nb@x.example").header == ("email",)
    sheet = csv_file.read(b"email;name, first\na@x.example;Ann, B\nb@x.example;Ben, C, D\n")
    assert sheet.header == ("email", "name, first")


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"", "empty", 0),
        (b"\n \n,,\n", "empty", 0),
        (codecs.BOM_UTF8, "empty", 0),
        (b'email,x\na@x.example,"never closed\nb\n', "quotes", 2),
        (b'email,x\nok@x.example,1\n"a"b,c\n', "quotes", 3),
        (b"email\n\x81\x8d\n", "encoding", 2),
        (b"email\nok\na\x00b\n", "encoding", 3),
        (codecs.BOM_UTF16_LE + b"\x00", "encoding", 1),
        (b"ann@x.example,Ann\nben@x.example,Ben\n", "header", 1),
        (b"," * 250 + b"x\n", "columns", 1),
        (b"email\n" + b"a@x.example\n" * 10_001, "rows", 10_002),
        (b"x" * (5 * 1024 * 1024 + 1), "size", 0),
        (b"email\n" + b"x" * 200_000, "quotes", 2),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, code: str, line: int) -> None:
    with pytest.raises(CsvError) as caught:
        csv_file.read(content)
    assert (caught.value.code, caught.value.line) == (code, line)


def test_ten_thousand_rows_fit() -> None:
    assert len(csv_file.read(b"email\n" + b"a@x.example\n" * 10_000).rows) == 10_000


@given(st.binary(max_size=400))
def test_no_bytes_do_harm(content: bytes) -> None:
    try:
        sheet = csv_file.read(content)
    except CsvError:
        return
    assert sheet.header


@pytest.mark.parametrize(
    "cell", ["=1+1", "+39 06", "-5", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", '=HYPERLINK("x")']
)
def test_no_spreadsheet_runs_what_is_written(cell: str) -> None:
    content = b"".join(csv_file.written([["a", cell]])).decode("utf-8-sig")
    [row] = list(csv.reader(io.StringIO(content, newline="")))
    assert row == ["a", f"'{cell}"]


@given(st.lists(st.lists(st.text(max_size=8), min_size=2, max_size=3), max_size=5))
def test_what_is_written_is_valid_csv(rows: list[list[str]]) -> None:
    content = b"".join(csv_file.written(rows)).decode("utf-8-sig")
    back = list(csv.reader(io.StringIO(content, newline=""), strict=True))
    assert len(back) == len(rows)
    assert not any(cell.startswith(csv_file.FORMULA) for row in back for cell in row)


def test_a_long_file_is_written_in_pieces() -> None:
    pieces = list(csv_file.written([[str(n)] for n in range(1000)]))
    assert len(pieces) > 4
    assert b"".join(pieces).decode("utf-8-sig").split() == [str(n) for n in range(1000)]
