import mailbox
from pathlib import Path

from transactional.sandbox.maildir import Maildir


def test_other_programs_read_it_as_a_maildir(tmp_path: Path) -> None:
    store = Maildir(tmp_path / "m")
    store.make()
    names = [store.deliver(f"Subject: {n}\r\n\r\nbody\r\n".encode()) for n in range(3)]
    found = mailbox.Maildir(tmp_path / "m", create=False)
    assert sorted(message["subject"] for message in found) == ["0", "1", "2"]
    assert store.names() == names[::-1]
    assert store.read(names[1]) == b"Subject: 1\r\n\r\nbody\r\n"
    assert store.read(names[1], limit=7) == b"Subject"
    assert not list((tmp_path / "m" / "tmp").iterdir())


def test_a_message_that_a_reader_has_moved_is_still_found(tmp_path: Path) -> None:
    store = Maildir(tmp_path)
    store.make()
    name = store.deliver(b"x")
    (tmp_path / "new" / name).rename(tmp_path / "cur" / f"{name}:2,S")
    assert store.names() == [f"{name}:2,S"]
    assert store.read(f"{name}:2,S") == b"x"


def test_names_lead_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("no")
    store = Maildir(tmp_path / "m")
    assert store.names() == []
    store.make()
    for name in (
        "../../secret",
        "/etc/passwd",
        "",
        ".",
        "1.x.sandbox/../../../secret",
        "1.\n.sandbox",
    ):
        assert store.read(name) is None
