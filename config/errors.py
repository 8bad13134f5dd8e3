"""One error, every dialect: a stable code, a sentence, an HTTP status, an SMTP reply."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Detail:
    """One of several faults of a request: where (a JSON pointer, RFC 6901), what, a stable code."""

    pointer: str
    message: str
    code: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something asked of us is not done, in words that say what to do.

    `code` is stable and public; where HubSpot's `sendResult` has a word for it, it is that word.
    `smtp` is a whole reply line (RFC 5321 §4.2, RFC 3463); `retryable` says that the same request
    may succeed later. `pointer` names the field at fault, where there is one; `details` each of
    several.
    """

    code: str
    message: str
    http: int = 400
    smtp: str = "550 5.7.1"
    retryable: bool = False
    pointer: str = ""
    details: tuple[Detail, ...] = ()

    @property
    def smtp_line(self) -> str:
        """The SMTP reply, one line of printable ASCII."""
        text = f"{self.smtp} {self.message} [{self.code}]"
        return "".join(c if " " <= c <= "~" else "?" for c in text)[:480]


class PostinoError(Exception):
    """A refusal raised below and translated at the porch that the request came through."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.code}: {refusal.message}")
        self.refusal = refusal
