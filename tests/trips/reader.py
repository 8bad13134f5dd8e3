"""What arrived: the sandbox's Maildir, and dkimpy's word on it with the sandbox's DNS."""

import email
import email.policy
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import dkim
import dns.resolver
import httpx
from selectolax.lexbor import LexborHTMLParser


@dataclass(frozen=True)
class Mail:
    """One delivered message."""

    raw: bytes

    @property
    def parsed(self) -> EmailMessage:
        return email.message_from_bytes(self.raw, policy=email.policy.SMTP)  # type: ignore[return-value]

    @property
    def to(self) -> str:
        return str(self.parsed["Delivered-To"])

    @property
    def html(self) -> str:
        part = self.parsed.get_body(("html",))
        assert part is not None
        return str(part.get_content())

    def addresses(self, tag: str, attribute: str) -> list[str]:
        """What the HTML's elements of this kind point to."""
        found = [node.attributes.get(attribute) for node in LexborHTMLParser(self.html).css(tag)]
        return [one for one in found if one]

    @property
    def pixel(self) -> str:
        (found,) = [url for url in self.addresses("img", "src") if "/o/" in url]
        return found

    @property
    def links(self) -> list[str]:
        return [url for url in self.addresses("a", "href") if "/c/" in url]


# What is quicker is a machine's (docs/counting.md)
TO_OPEN = 3.0  # seconds from the delivery until a person looks
TO_CLICK = 1.2  # from one link to the next


def open_as_people_do(person: httpx.Client, mail: Mail, *, links: int) -> list[httpx.Response]:
    """Load the pixel, then follow the first links one by one, with a person's pauses; the answers."""
    time.sleep(TO_OPEN)
    answers = [person.get(mail.pixel)]
    for link in mail.links[:links]:
        time.sleep(TO_CLICK)
        answers.append(person.get(link))
    return answers


class Reader:
    """Looks into the Maildir."""

    def __init__(self, maildir: Path, host: str, port: int) -> None:
        self._maildir = maildir
        self._resolver = dns.resolver.Resolver(configure=False)
        self._resolver.nameservers, self._resolver.port = [host], port

    def all(self, to: str) -> list[Mail]:
        """Every message that was delivered to this address, oldest first."""
        paths = sorted((self._maildir / "new").iterdir(), key=lambda path: path.name)
        found = [Mail(path.read_bytes()) for path in paths]
        return [mail for mail in found if mail.to == to]

    def wait(
        self, to: str, *, seconds: float = 60, where: Callable[[Mail], bool] = lambda mail: True
    ) -> Mail:
        """The one message to this address. Raises AssertionError if none comes, or two do."""
        deadline = time.monotonic() + seconds
        while not (found := [mail for mail in self.all(to) if where(mail)]):
            assert time.monotonic() < deadline, f"nothing came to {to}"
            time.sleep(0.02)
        (mail,) = found
        return mail

    def signatures(self, mail: Mail) -> list[bool]:
        """dkimpy's verdict on each DKIM-Signature."""
        verifier = dkim.DKIM(mail.raw)
        count = len(mail.parsed.get_all("DKIM-Signature", []))
        return [verifier.verify(idx=place, dnsfunc=self._txt) for place in range(count)]

    def _txt(self, name: bytes, timeout: int = 5) -> bytes:
        answer = self._resolver.resolve(name.decode(), "TXT", lifetime=timeout)
        return b"".join(answer[0].strings)
