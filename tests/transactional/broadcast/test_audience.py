"""Files of recipients and typed addresses: what becomes a row, and what is told line by line."""

import pytest

from tests.cast import Cast
from tests.transactional.broadcast.sends import COLUMNS, csv_file, from_csv, make_published, who
from transactional.broadcast import audience, control
from transactional.csv_file import CsvError
from transactional.models import Audience, BroadcastRow

pytestmark = pytest.mark.django_db
HEADER = "Email,Order,First name\n"


def problems(cast: Cast, text: str) -> list[list[object]]:
    made = from_csv(cast, (HEADER + text).encode())
    made.refresh_from_db()
    return list(made.problems)


def test_each_line_that_is_left_out_is_told(cast: Cast) -> None:
    found = problems(
        cast,
        "a@x.example,1,Ann\nnobody,2,x\nA@X.example,3,Again\npostmaster@x.example,4,P\n"
        f"b@x.example,5,x,surplus\nc@x.example,{'9' * 5001},x\n\nd@x.example\n",
    )
    assert found == [
        [3, "address"], [4, "duplicate"], [5, "role"], [6, "columns"], [7, "long"],
    ]  # fmt: skip
    rows = BroadcastRow.objects.order_by("pk")
    assert [(one.number, one.email) for one in rows] == [(2, "a@x.example"), (9, "d@x.example")]
    assert rows[0].values == {"custom": {"order_id": "1"}, "contact": {"firstname": "Ann"}}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_any_usual_file_is_read(cast: Cast, encoding: str, delimiter: str) -> None:
    text = (HEADER + "zoë@x.example,1,Niccolò\nben@x.example,2,Ben\n").replace(",", delimiter)
    made = from_csv(cast, text.replace("zoë", "zoe").encode(encoding))
    assert made.total == 2
    assert BroadcastRow.objects.get(number=2).values["contact"] == {"firstname": "Niccolò"}


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"a@x.example,1\nb@x.example,2\n", "header"),
        (b'Email,Name\na@x.example,"open\n', "quotes"),
        (b"Email\n\xff\xfe\x00\x81\x8d\x00", "encoding"),
        ("Email\n".encode("utf-16") + b"\x00", "encoding"),
    ],
)
def test_what_is_no_table_is_refused(cast: Cast, content: bytes, code: str) -> None:
    with pytest.raises(CsvError) as told:
        from_csv(cast, content)
    assert told.value.code == code


def test_a_file_is_bounded(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audience, "ROWS_MAX", 10)
    assert from_csv(cast, csv_file(10)).total == 10
    with pytest.raises(CsvError, match="rows"):
        from_csv(cast, csv_file(12))


@pytest.mark.parametrize(
    ("columns", "wrong"),
    [
        (COLUMNS, ""),
        (["@", "", ""], ""),
        (["", "", ""], "address"),
        (["@", "@", ""], "address"),
        (["@", "custom.a"], "address"),
        (["@", "custom.a", "custom.a"], "twice"),
        (["@", "custom.a b", ""], "name"),
        (["@", "order", ""], "name"),
        (["@", "custom.", ""], "name"),
        (["@", "custom.__class__", ""], ""),
    ],
)
def test_columns(columns: list[str], wrong: str) -> None:
    assert audience.wrong_columns(["a", "b", "c"], columns) == wrong


def test_choosing_the_columns_again_replaces_the_rows(cast: Cast) -> None:
    made = from_csv(cast, csv_file(3))
    audience.write_file(made, ["@", "", ""])
    assert [one.values for one in BroadcastRow.objects.all()] == [{}] * 3


def test_cells_are_read_as_the_contract_says(cast: Cast) -> None:
    contract = [
        {"name": "order_id", "type": "number", "required": True, "secret": False},
        {"name": "vip", "type": "boolean", "required": False, "secret": False},
        {"name": "items", "type": "list", "required": False, "secret": False},
    ]
    email = make_published(cast, contract=contract)
    made = control.begin(email, who(cast), audience_kind=Audience.CSV, content=b"x")
    made.content = (
        b"Email;N;V;I\na@x.example;12,5;S\xc3\xac;[1]\nb@x.example;7;no;\nc@x.example;;;\n"
        b"d@x.example;many;;\ne@x.example;1;maybe;\nf@x.example;1;;{}\ng@x.example;nan;;\n"
    )
    audience.write_file(made, ["@", "custom.order_id", "custom.vip", "custom.items"])
    rows = BroadcastRow.objects.order_by("number")
    assert [one.values["custom"] for one in rows] == [
        {"order_id": 12.5, "vip": True, "items": [1]},
        {"order_id": 7, "vip": False},
    ]
    assert made.problems == [
        [4, "missing"], [5, "type"], [6, "type"], [7, "type"], [8, "type"],
    ]  # fmt: skip


def test_typed_addresses(cast: Cast) -> None:
    made = control.begin(
        make_published(cast),
        who(cast),
        audience_kind=Audience.TYPED,
        addresses=["Ann <a@x.example>", "A@x.example", "nobody"],
    )
    assert (made.total, made.duplicates, made.problems) == (
        1, 1, [[2, "duplicate"], [3, "address"]],
    )  # fmt: skip
