"""The only place that counts content in memory: what all conversations of a process receive and hold.

Beyond the limit a sender is told 452 4.3.1 (RFC 3463: system full) and keeps its mail. Where the room is
taken by content that has been coming for long, that gives way first: who drips keeps nobody out.
"""

import ipaddress
import itertools
from collections import Counter
from collections.abc import Callable

PATIENCE = 20.0  # seconds for which content may come in before it has to give way to others
SHARE = 2  # one sender gets this part of the room at most: 1/2
GAVE_WAY = "gave way"
NO_ROOM = "no room"


def neighbourhood(peer: str) -> str:
    """What one peer may have many addresses of: an IPv4 address, and of IPv6 the /64 (RFC 6177 §2)."""
    try:
        address = ipaddress.ip_address(peer)
    except ValueError:
        return peer
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((int(address) >> 64 << 64, 64)))


class Room:
    """So many octets, for all. `clock` gives seconds that only grow."""

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        self.most = most
        self.held = 0
        #: How often content was refused, by why; grows only.
        self.refused: Counter[str] = Counter()
        self._clock = clock
        self._by_sender: Counter[str] = Counter()
        self._coming: dict[Place, None] = {}  # the oldest first

    def enter(self, sender: str) -> "Place | None":
        """A place for content of this sender that begins to come; None where there is no room."""
        place = Place(self, sender, self._clock())
        if not self._fits(sender, 1):
            self.refused[NO_ROOM] += 1
            return None
        self._coming[place] = None
        return place

    def admits(self, sender: str, octets: int) -> bool:
        """Whether content of this size, which its sender announces, could come now."""
        if self._fits(sender, octets):
            return True
        self.refused[NO_ROOM] += 1
        return False

    def _short(self, sender: str, octets: int) -> tuple[int, int]:
        """By how much these octets go beyond the sender's share, and beyond the room."""
        own = self._by_sender[sender] + octets - self.most // SHARE
        return max(own, 0), max(self.held + octets - self.most, 0)

    def _fits(self, sender: str, octets: int) -> bool:
        own, total = self._short(sender, octets)
        if not own and not total:
            return True
        old = self._patient()
        theirs = sum(one.octets for one in old if one.sender == sender)
        return own <= theirs and total <= sum(one.octets for one in old)

    def _patient(self) -> "list[Place]":
        """What has been coming for long enough to give way, the oldest first."""
        since = self._clock() - PATIENCE
        return list(itertools.takewhile(lambda one: one.began <= since, self._coming))

    def _grow(self, place: "Place", octets: int) -> bool:
        own, total = self._short(place.sender, octets)
        for old in self._patient() if own or total else ():
            if old is place or not (total or old.sender == place.sender):
                continue
            self.refused[GAVE_WAY] += 1
            old.give_way()
            own, total = self._short(place.sender, octets)
            if not own and not total:
                break
        if own or total:
            self.refused[NO_ROOM] += 1
            return False
        self.held += octets
        self._by_sender[place.sender] += octets
        return True

    def _shrink(self, place: "Place", octets: int) -> None:
        self.held -= octets
        self._by_sender[place.sender] -= octets
        if not self._by_sender[place.sender]:
            del self._by_sender[place.sender]

    def _no_longer_coming(self, place: "Place") -> None:
        self._coming.pop(place, None)


class Place:
    """The room of one message, from its first octet until what became of it is known."""

    __slots__ = ("_on_lost", "_room", "began", "lost", "octets", "sender")

    def __init__(self, room: Room, sender: str, began: float) -> None:
        self._room = room
        self._on_lost: Callable[[], None] | None = None
        self.sender = sender
        self.began = began
        self.octets = 0
        #: Its content was dropped: nothing of it is kept any more.
        self.lost = False

    def when_lost(self, drop: Callable[[], None]) -> None:
        """What drops the content, called once where it has to go."""
        self._on_lost = drop

    def hold(self, octets: int) -> None:
        """So many are held now. Where there is no room, or no longer, the content is dropped."""
        if self.lost:
            return
        more = octets - self.octets
        if more <= 0:
            self._room._shrink(self, -more)
            self.octets = octets
        elif self._room._grow(self, more):
            self.octets = octets
        else:
            self.give_way()

    def give_way(self) -> None:
        """Drop the content."""
        self.lost = True
        self.leave()
        if self._on_lost is not None:
            self._on_lost()

    def settle(self) -> None:
        """It is whole: from now on a handler has it, and it gives way to nobody."""
        self._room._no_longer_coming(self)

    def leave(self) -> None:
        """Nothing of it is held any more. May be called again."""
        self._room._no_longer_coming(self)
        self._room._shrink(self, self.octets)
        self.octets = 0
