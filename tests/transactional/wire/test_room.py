"""What content may hold of the memory: all of it together, one sender's part, and who gives way."""

import pytest

from tests.transactional.wire.dialogue import PLAIN
from transactional.wire import room
from transactional.wire.reply import Reply
from transactional.wire.room import PATIENCE, Room, neighbourhood
from transactional.wire.server import ServerSession
from transactional.wire.server_state import TakeMessage

ENVELOPE = b"EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"
END = b"\r\n.\r\n"


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Talk:
    """One session of a peer's, counted in a room."""

    def __init__(self, room: Room, peer: str) -> None:
        self.session = ServerSession(PLAIN, peer, room=room)
        self.session.take_output()
        self.taken: list[bytes] = []

    def send(self, octets: bytes) -> str:
        action = self.session.feed(octets)
        if isinstance(action, TakeMessage):
            self.taken.append(action.envelope.data)
        return self.session.take_output().decode()

    def began(self, content: bytes) -> "Talk":
        assert "354" in self.send(ENVELOPE)
        self.send(content)
        return self

    def end(self) -> str:
        return self.send(END)


def test_what_comes_and_what_is_worked_on_is_counted_and_leaves() -> None:
    counted = Room(10_000, Clock())
    talk = Talk(counted, "192.0.2.1").began(b"x" * 500)
    assert 500 <= counted.held <= 510
    talk.end()
    assert counted.held >= 500 and len(talk.taken) == 1  # a handler has it
    talk.session.gone()
    assert counted.held >= 500  # still, whoever has hung up meanwhile
    talk.session.answer_message(Reply(250, "2.0.0", ("ok",)))
    assert counted.held == 0
    talk = Talk(counted, "192.0.2.1").began(b"x" * 500)
    talk.session.gone()
    assert counted.held == 0


def test_beyond_the_room_newcomers_are_told_to_come_again_and_lose_nothing() -> None:
    clock = Clock()
    counted = Room(4000, clock)
    slow = [Talk(counted, f"192.0.2.{n}").began(b"x" * 900) for n in range(4)]
    late = Talk(counted, "198.51.100.1").began(b"y" * 900)
    assert late.end().startswith("452 4.3.1") and not late.taken
    assert "452 4.3.1" in late.send(b"MAIL FROM:<a@b> SIZE=900\r\n")
    assert counted.refused == {room.NO_ROOM: 2}
    for talk in slow:
        talk.end()
        assert talk.taken == [b"x" * 900 + b"\r\n"]
        talk.session.answer_message(Reply(250, "2.0.0", ("ok",)))
    assert "250 2.1.0" in late.send(b"MAIL FROM:<a@b> SIZE=900\r\n")


def test_what_comes_too_slowly_gives_way_to_others_the_oldest_first() -> None:
    clock = Clock()
    counted = Room(4000, clock)
    slow = []
    for n in range(4):
        slow.append(Talk(counted, f"192.0.2.{n}").began(b"x" * 900))
        clock.now += 1
    clock.now += PATIENCE
    urgent = Talk(counted, "198.51.100.1").began(b"y" * 800)
    urgent.end()
    assert urgent.taken == [b"y" * 800 + b"\r\n"]
    assert counted.refused == {room.GAVE_WAY: 1}
    said = [talk.end() for talk in slow]
    assert said[0].startswith("452 4.3.1") and said[1:] == ["", "", ""]
    assert [len(talk.taken) for talk in slow] == [0, 1, 1, 1]


def test_a_slow_sender_is_served_where_there_is_room() -> None:
    clock = Clock()
    talk = Talk(Room(4000, clock), "192.0.2.1").began(b"x")
    for _ in range(500):
        clock.now += 10
        talk.send(b"x")
    talk.end()
    assert talk.taken == [b"x" * 501 + b"\r\n"]


def test_one_sender_has_a_part_of_the_room_and_its_own_old_content_gives_way_in_it() -> None:
    clock = Clock()
    counted = Room(4000, clock)
    for _ in range(2):
        Talk(counted, "2001:db8::1").began(b"x" * 900)
    same = Talk(counted, "2001:db8::2").began(b"x" * 900)
    assert same.end().startswith("452 4.3.1")
    assert Talk(counted, "2001:db8:1::1").began(b"x" * 900).end() == ""
    clock.now += PATIENCE
    same.began(b"x" * 900).end()
    assert len(same.taken) == 1 and counted.refused[room.GAVE_WAY] == 1


def test_content_that_was_dropped_holds_nothing_however_much_comes() -> None:
    clock = Clock()
    counted = Room(1000, clock)
    talk = Talk(counted, "192.0.2.1").began(b"x" * 600)
    assert counted.held == 0
    for _ in range(20):
        talk.send(b"x" * 1000)
    assert counted.held == 0
    assert talk.end().startswith("452 4.3.1")


@pytest.mark.parametrize(
    ("one", "other", "near"),
    [
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:1:2:3", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("", "", True),
    ],
)
def test_who_counts_as_one(one: str, other: str, near: bool) -> None:
    assert (neighbourhood(one) == neighbourhood(other)) is near
