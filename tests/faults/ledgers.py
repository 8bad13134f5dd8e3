"""What is submitted for each case, and the ledger that every domain must hold whatever it does."""

from collections import Counter

from tests.faults.behaviours import number
from tests.faults.cases import Case
from tests.faults.post import Mail, mails
from tests.faults.scene import FINAL, Scene

UTF8 = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
EIGHT_BIT = f"{UTF8}Content-Transfer-Encoding: 8bit\r\n"
CAFFE = "Un caffè a 1,20 € — più il cornetto.\r\n"


def letters(case: Case) -> list[Mail]:
    """The case's mail, as its row asks for it."""
    domain, n = case.domain, case.n
    name = domain.partition(".")[0]
    if name == "seven":
        body = CAFFE.encode() * 3
        given = mails(domain, n, headers=EIGHT_BIT)
        return [Mail(one.to, one.headers, body, ("BODY=8BITMIME",)) for one in given]
    if name == "ascii":
        options = ("SMTPUTF8", "BODY=8BITMIME")
        return [Mail((f"ü{i}@{domain}",), case.headers, options=options) for i in range(n)]
    if name == "tiny":
        return [Mail(one.to, one.headers, b"x" * 70 + b"\r\n" * 30) for one in mails(domain, n)]
    if name == "drops-content":
        return [Mail(one.to, "", (b"x" * 70 + b"\r\n") * 120_000) for one in mails(domain, n)]
    if name == "mixed":  # three recipients in each
        to = [f"u{i}@{domain}" for i in range(n)]
        return [Mail(tuple(to[at : at + 3])) for at in range(0, n, 3)]
    return mails(domain, n, headers=case.headers)


def ledger(site: Scene, case: Case) -> str:
    """Assert what holds for every domain; a line to be read.

    Some mail is under way still. So the order counts: a copy that had come before the snapshot has its
    `uncertain` in it, and what the snapshot calls delivered is in the books after it.
    """
    domain, books = case.domain, site.world.books
    copies = books.copies(domain)
    rows = site.rows(domain)
    taken = books.accepted(domain)
    wanted = {to for to in site.post.at if to.endswith(f"@{domain}")}
    assert rows.keys() == wanted and len(wanted) >= case.n, domain
    states = Counter(row.status for row in rows.values())
    if case.ends and case.ends != "mixed":
        assert states == {case.ends: len(wanted)}, (domain, states, next(iter(rows.values())))
    for to, row in rows.items():
        assert row.waits == (row.status not in FINAL), (to, row)
        told = [kind for kind in row.events if kind in FINAL]
        assert told == ([row.status] if row.status in FINAL else []), (to, row)
        if case.ends or row.status == "delivered":  # else it may be under way
            assert (to in taken) == (row.status == "delivered" or case.row == "S15"), (to, row)
    second = 0
    for to, n in Counter(copy.to for copy in copies).items():
        second += n - 1
        marked = [copy.resent for copy in copies if copy.to == to]
        assert all(marked[1:]), (to, marked)
        # A mark without a copy before it: a worker lost its lease between marker and dot
        assert n - 1 + marked[0] <= rows[to].events.count("uncertain"), (to, rows[to])
    _told_by_api(site, domain)
    return (
        f"{case.row:4}{domain:24} {len(wanted):5} acknowledged, {dict(states)},"
        f" {sum(taken.values())} taken, {second} second copies"
    )


def _told_by_api(site: Scene, domain: str) -> None:
    """Its explanation of a message says the statuses that the table has, before or after it."""
    before = site.rows(domain)
    some = min(before.values(), key=lambda row: row.id)
    told = {one["id"]: one["status"] for one in site.explained(some.message_id)["recipients"]}
    after = site.rows(domain)
    for to, row in before.items():
        if row.message_id == some.message_id:
            assert told.pop(row.id) in {row.status, after[to].status}, (to, row)
    assert not told


def place(to: str) -> int:
    """Which answer of eight the mixed receiver has for a recipient."""
    return number(to) % 8
