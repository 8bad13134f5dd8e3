"""Who opened and clicked: people are believed, machines are told by what gives them away."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import agents_table, machines
from analytics.machines import Click
from analytics.spool import Hit
from config.ids import uuid7
from tests.analytics.agents_table import PEOPLE, PROGRAMS
from transactional.models import Machine

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
ANN, BEN = uuid.UUID(int=1), uuid.UUID(int=2)
CHROME = PEOPLE[0]


def hit(kind: str = "click", seconds: float = 60, **more: Any) -> Hit:
    values: dict[str, Any] = {
        "recipient_id": ANN, "ip": "192.0.2.7", "user_agent": CHROME, "link_index": 0, **more,
    }  # fmt: skip
    at = NOON + timedelta(seconds=seconds)
    return Hit(id=uuid7(), kind=kind, at=at, url="https://a/", **values)  # type: ignore[arg-type]  # of several types


def judged(
    *hits: Hit, delivered: datetime | None = NOON, known: list[Click] | None = None
) -> list[str]:
    """The judgement of each; empty for people."""
    clicks: dict[uuid.UUID, list[Click]] = {ANN: [], BEN: []}
    for one in hits:
        if one.kind == "click":
            clicks[one.recipient_id].append(machines.click(one))
    clicks[ANN] += known or []
    found = machines.judge(hits, delivered={ANN: delivered, BEN: delivered}, clicks=clicks)
    return [str(found.get(one.id, "")) for one in hits]


@pytest.mark.parametrize("agent", PEOPLE)
def test_people_s_programs_are_people(agent: str) -> None:
    assert judged(hit("open", user_agent=agent), hit(user_agent=agent)) == ["", ""]


@pytest.mark.parametrize("agent", PROGRAMS)
def test_programs_that_say_so_are_machines(agent: str) -> None:
    assert judged(hit("open", user_agent=agent), hit(user_agent=agent)) == ["robot", "robot"]


def test_apple_s_proxy_is_told_by_saying_nothing_more_and_only_where_pictures_are_loaded() -> None:
    assert judged(hit("open", user_agent="Mozilla/5.0")) == ["privacy"]
    assert judged(hit("click", user_agent="Mozilla/5.0")) == [""]
    assert judged(hit("open", user_agent="Mozilla/5.0 (iPhone)")) == [""]


def test_who_says_nothing_is_nobody() -> None:
    assert judged(hit("open", user_agent=" "), hit(user_agent="")) == ["nameless", "nameless"]


@pytest.mark.parametrize(
    ("seconds", "why"),
    [(-61, ""), (-60, "prompt"), (-0.2, "prompt"), (0, "prompt"), (1.999, "prompt"), (2, ""), (90, "")],
)  # fmt: skip
def test_nobody_reads_a_mail_within_two_seconds(seconds: float, why: str) -> None:
    assert judged(hit("open", seconds)) == [why]
    assert judged(hit("click", seconds)) == [why]


def test_where_the_delivery_is_not_known_time_says_nothing() -> None:
    assert judged(hit("open", 0), hit("click", 1), delivered=None) == ["", ""]


def test_what_a_request_says_of_itself_counts_first() -> None:
    asked = [
        hit(hint="head"),
        hit("open", hint="prefetch"),
        hit(hint="prefetch", user_agent="curl"),
    ]
    assert judged(*asked) == ["head", "prefetch", "prefetch"]


def test_networks_that_the_operator_lists_are_machines(settings: Any) -> None:
    asked = [hit(ip="198.51.100.9"), hit(ip="2001:db8::9"), hit(ip="203.0.113.1"), hit(ip="?")]
    assert judged(*asked) == ["", "", "", ""]
    settings.MACHINE_NETWORKS = ["198.51.100.0/24", "2001:db8::/32"]
    assert judged(*asked) == ["network", "network", "", ""]


@pytest.mark.parametrize(
    ("clicks", "whose"),
    [
        ([(0, 60), (1, 60.5)], "mm"),  # two links at once
        ([(0, 60), (1, 60.501)], "pp"),
        ([(0, 60), (0, 60.1), (0, 60.2)], "ppp"),  # one link, by a nervous finger
        ([(0, 60), (1, 61), (2, 62)], "mmm"),  # three in two seconds
        ([(0, 60), (1, 61), (2, 62.001)], "ppp"),
        ([(0, 60), (1, 60.2), (0, 65)], "mmp"),  # and later a person
        ([(0, 50), (0, 60), (1, 61), (2, 61.5), (3, 62.5), (1, 70)], "pmmmmp"),
        ([(0, 60), (1, 60.1), (2, 64), (3, 64.1), (4, 70)], "mmmmp"),
    ],
)
def test_links_that_are_followed_at_once_are_a_machine_s(
    clicks: list[tuple[int, float]], whose: str
) -> None:
    hits = [hit(seconds=at, link_index=link) for link, at in clicks]
    assert judged(*hits) == [{"m": "burst", "p": ""}[one] for one in whose]


def test_two_readers_who_click_at_once_are_two_people() -> None:
    assert judged(hit(link_index=0), hit(link_index=1, recipient_id=BEN)) == ["", ""]


def test_clicks_recorded_before_tell_of_these() -> None:
    before = Click(uuid7(), NOON + timedelta(seconds=59.8), "4", "192.0.2.8")
    assert judged(hit(), known=[before]) == ["burst"]
    assert judged(hit(link_index=4), known=[before]) == [""]
    one = hit(seconds=60)
    assert judged(one, known=[machines.click(one)]) == [""]  # itself is no other


def test_an_open_from_where_links_are_followed_at_once_belongs_to_them() -> None:
    burst = [hit(link_index=link, seconds=60 + link / 10) for link in (0, 1, 2)]
    near, far = hit("open", 59.5), hit("open", 75)
    elsewhere = hit("open", 60, ip="203.0.113.9")
    assert judged(near, elsewhere, far, *burst)[:3] == ["burst", "", ""]


def test_every_reason_has_its_sentence_and_none_is_unused() -> None:
    told = {"privacy", "prefetch", "head", "network", "robot", "nameless", "prompt", "burst"}
    assert set(Machine.values) == told and all(Machine.labels)


@given(st.text(max_size=600))
def test_any_user_agent_is_judged(agent: str) -> None:
    assert judged(hit("open", user_agent=agent))[0] in {"", *Machine.values}


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.floats(10, 16), st.sampled_from(["a", "b"])), max_size=30
    )
)
def test_bursts_are_what_the_rules_say(clicks: list[tuple[int, float, str]]) -> None:
    hits = [hit(seconds=at, link_index=link, ip=ip) for link, at, ip in clicks]

    def hurried(one: Hit) -> bool:
        return any(
            len({b.link_index for b in hits if a.at <= b.at <= a.at + span}) >= links
            for links, span in machines.BURSTS
            for a in hits
            if a.at <= one.at <= a.at + span
        )

    assert judged(*hits) == ["burst" if hurried(one) else "" for one in hits]


def test_a_flood_of_clicks_is_judged_in_one_walk() -> None:
    walked = 0

    class Counting(str):
        def __hash__(self) -> int:
            nonlocal walked
            walked += 1
            return super().__hash__()

    def clicks(number: int) -> list[Click]:
        at = [NOON + timedelta(milliseconds=n) for n in range(number)]
        return [Click(uuid7(), one, Counting(n % 2), "::1") for n, one in enumerate(at)]

    many = clicks(5000)
    walked = 0
    assert len(machines.Bursts(many).ids) == 5000
    assert walked <= 10 * len(many)


def test_proxies_that_load_for_a_reader_are_no_programs() -> None:
    assert not agents_table.is_program("bot (via ggpht.com GoogleImageProxy)")
