"""The only place that reads mail addresses: strict, one meaning each (RFC 5321 §4.1.2, 5322 §3.4, 6531)."""

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import idna

from transactional.wire.encoded_word import decode_words

#: RFC 5321 §4.5.3.1: octets of a local part, and of a path without its angle brackets.
LOCAL_MAX = 64
TOTAL_MAX = 254
#: Bounds the work for one mailbox text; a display name is cut by no one below this.
TEXT_MAX = 2_000

#: Local parts that are nobody's inbox; the single-send API answers INVALID_TO_ADDRESS for them.
ROLES = frozenset(
    [
        "abuse",
        "no-reply",
        "noreply",
        "root",
        "spam",
        "security",
        "undisclosed-recipients",
        "unsubscribe",
        "inoc",
        "postmaster",
        "privacy",
    ]
)

_ATEXT = r"A-Za-z0-9!#$%&'*+\-/=?^_`{|}~"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
_PLAIN = re.compile(
    rf"([{_ATEXT}]++(?:\.[{_ATEXT}]++|(?!))*+)@((?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9\-]{{0,61}}[A-Za-z0-9]))"
)
_ATOMS = re.compile(rf"[{_ATEXT}\u0080-\U0010ffff]+(?:\.[{_ATEXT}\u0080-\U0010ffff]+)*")
_DOT_ATOM = re.compile(rf"[{_ATEXT}]++(?:\.[{_ATEXT}]++|(?!))*+")
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+{_LABEL}")

_SPACE = re.compile(r"[ \t]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*+)"')
_WORD = re.compile(r'[^ \t"(),:;<>@\[\]\\]++')
_LOCAL = r'(?:"(?:[^"\\]|\\.)*+"|[^ \t"(),:;<>@\[\]\\]++)'
_HOST = r'(?:\[[^\]<>]*+\]|[^ \t"(),:;<>@\[\]\\]*+)'
_SPEC = re.compile(rf"({_LOCAL})@({_HOST})")
_ANGLE = re.compile(rf"<({_LOCAL})@({_HOST})>")
_UNQUOTE = re.compile(r"\\(.)")

# Format characters (bidi overrides, zero-width, soft hyphen, tags) make a text look like another.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"


class AddressError(ValueError):
    """A text that is not one plain address. `code` is stable, the message is for people.

    Codes: empty, syntax, local, domain, literal, route, too-long, control, ambiguous, multiple,
    group, comment.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Address:
    """One mailbox. `local` is what it means (unquoted), `domain` as written, `name` decoded."""

    local: str
    domain: str
    name: str = ""

    @property
    def quoted_local(self) -> str:
        """The local part as it is written on the wire, quoted only where it must be."""
        if _ATOMS.fullmatch(self.local):
            return self.local
        return '"' + self.local.replace("\\", "\\\\").replace('"', '\\"') + '"'

    @property
    def spec(self) -> str:
        """`local@domain`, without the display name."""
        return f"{self.quoted_local}@{self.domain}"

    @property
    def domain_ascii(self) -> str:
        """The domain in A-labels, lower case: the form for DNS, for comparing and for the wire."""
        return self.domain.lower() if self.domain.isascii() else _a_labels(self.domain)

    @property
    def needs_smtputf8(self) -> bool:
        """True when the local part is not ASCII, so that the peer must offer SMTPUTF8."""
        return not self.local.isascii()


def address_key(address: str) -> str:
    """What two spellings of an address have in common, for lists that are looked up by address:
    lower case, the domain in A-labels (RFC 5891 §4). What is no domain name is only made lower case.
    """
    small = address.lower()
    local, _, domain = small.rpartition("@")
    if not domain.isascii():
        with suppress(UnicodeError):
            small = f"{local}@{_a_labels(domain)}"
    return small


def parse_address(text: str) -> Address:
    """Read exactly one mailbox, `a@b.example` or `Name <a@b.example>`; AddressError otherwise."""
    plain = _plain(text)
    if plain:
        return plain
    if len(text) > TEXT_MAX:
        raise AddressError(
            "too-long", f"An address with its name is at most {TEXT_MAX} characters."
        )
    found = _Reader(text, groups=False, comments=False).read()
    if len(found) != 1:
        raise AddressError("multiple", "Exactly one address is wanted here.")
    return found[0]


def parse_path(text: str) -> Address | None:
    """Read an envelope path, with or without angle brackets; `<>` and the empty text are None.

    No display name, no source route, no address literal. Raises AddressError.
    """
    if text.startswith("<") and text.endswith(">"):
        text = text[1:-1]
    if not text:
        return None
    plain = _plain(text)
    if plain:
        return plain
    if text.startswith("@"):
        raise AddressError("route", "Source routes are not accepted.")
    match = _SPEC.fullmatch(text)
    if not match:
        raise AddressError("syntax", "This is not an address of the form local@domain.")
    return _make(match[1], match[2], "")


def parse_address_list(text: str, *, groups: bool = False) -> list[Address]:
    """Read the value of a From, To, Cc or Reply-To header (unfolded), encoded-words decoded.

    `groups` permits group syntax (`undisclosed-recipients:;`), as To and Cc may have it. Comments
    without an address in them are skipped. Raises AddressError; an empty list only for groups
    without members.
    """
    plain = _plain(text)
    return [plain] if plain else _Reader(text, groups=groups, comments=True).read()


def is_role(address: Address | str) -> bool:
    """True for mailboxes of a function, not of a person (see ROLES)."""
    local = address.local if isinstance(address, Address) else address.rpartition("@")[0]
    return local.lower() in ROLES


def _plain(text: str) -> Address | None:
    """The everyday case in one regular expression; None leaves the text to the slow road."""
    match = _PLAIN.fullmatch(text) if len(text) <= TOTAL_MAX else None
    if not match or "--" in match[2]:  # xn-- needs a look
        return None
    local = match[1]
    return Address(local, match[2]) if len(local) <= LOCAL_MAX else None


class _Reader:
    """One left-to-right pass over a list of mailboxes; every character is looked at once."""

    def __init__(self, text: str, *, groups: bool, comments: bool) -> None:
        _refuse_controls(text)
        self._text = text
        self._at = 0
        self._groups = groups
        self._comments = comments  # and the other leniencies of a header

    def read(self) -> list[Address]:
        found: list[Address] = []
        in_group = had_group = False
        while self._skip():
            c = self._text[self._at]
            if c == "," and self._comments and (found or in_group or had_group):
                self._at += 1  # RFC 5322 §4.4: empty elements were legal once
                continue
            if c == ";" and in_group:
                in_group, self._at = False, self._at + 1
                continue
            mailbox = self._mailbox(in_group=in_group)
            if mailbox is None:
                in_group = had_group = True
            else:
                found.append(mailbox)
                self._need_end(in_group=in_group)
        if in_group:
            raise AddressError("group", "A group of addresses is not closed.")
        if not found and not had_group:
            raise AddressError("empty", "An address is missing.")
        return found

    def _skip(self) -> bool:
        """Step over white space and comments; False at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            self._at = space.end() if space else self._at
            if not self._text.startswith("(", self._at):
                return self._at < len(self._text)
            self._comment()

    def _comment(self) -> None:
        if not self._comments:
            raise AddressError("comment", "Comments are not accepted in an address.")
        start, depth, at = self._at, 0, self._at
        while at < len(self._text):
            c = self._text[at]
            if c == "\\":
                at += 1
            elif c == "(":
                depth += 1
            elif c == ")":
                depth -= 1
            at += 1
            if not depth:
                break
        if depth:
            raise AddressError("comment", "A comment is not closed.")
        if "@" in decode_words(self._text[start:at]):
            raise AddressError("comment", "A comment carries an address.")
        self._at = at

    def _mailbox(self, *, in_group: bool) -> Address | None:
        """Read one mailbox, or the start of a group (None)."""
        text, decoded_at = self._text, False
        phrase: list[str] = []
        while self._skip():
            at, c = self._at, self._text[self._at]
            if c == "<":
                match = _ANGLE.match(text, at)
                if not match:
                    raise self._bad_angle(at)
                if decoded_at:
                    raise AddressError("ambiguous", "The display name looks like another address.")
                self._at = match.end()
                return _make(match[1], match[2], " ".join(phrase))
            spec = _SPEC.match(text, at)
            if spec:
                self._at = spec.end()
                if phrase or (self._skip() and text[self._at] not in ",;"):
                    raise AddressError(
                        "ambiguous", "Text stands beside an address without brackets."
                    )
                return _make(spec[1], spec[2], "")
            if c == ":" and phrase:
                if not self._groups or in_group:
                    raise AddressError("group", "A group of addresses is not accepted here.")
                self._at += 1
                return None
            word, decoded_at = self._phrase_word(decoded_at)
            phrase.append(word)
        raise AddressError("syntax", "An address is missing after the name.")

    def _phrase_word(self, decoded_at: bool) -> tuple[str, bool]:
        quoted = _QUOTED.match(self._text, self._at)
        if quoted:
            self._at = quoted.end()
            value = _UNQUOTE.sub(r"\1", quoted[1])
            # Many readers decode inside quotes although RFC 2047 §5 forbids it.
            hidden = "=?" in value and "@" in decode_words(value)
            return value, decoded_at or hidden
        word = _WORD.match(self._text, self._at)
        if not word:
            c = self._text[self._at]
            code = "multiple" if c in ",;" else "ambiguous" if c == "@" else "syntax"
            raise AddressError(code, f"Unexpected {c!r} in an address.")
        self._at = word.end()
        if "=?" not in word[0]:
            return word[0], decoded_at
        return self._encoded_run(word[0], decoded_at)

    def _encoded_run(self, first: str, decoded_at: bool) -> tuple[str, bool]:
        """Neighbouring encoded-words are one text: space between them is not shown."""
        words = [first]
        while True:
            space = _SPACE.match(self._text, self._at)
            word = _WORD.match(self._text, space.end() if space else self._at)
            if not word or not word[0].startswith("=?"):
                break
            words.append(word[0])
            self._at = word.end()
        value = decode_words(" ".join(words))
        _refuse_controls(value)
        return value, decoded_at or "@" in value

    def _need_end(self, *, in_group: bool) -> None:
        if not self._skip():
            return
        c = self._text[self._at]
        if c not in (",;" if in_group else ","):
            raise AddressError("ambiguous", "Text follows an address.")

    def _bad_angle(self, at: int) -> AddressError:
        if self._text.startswith("<@", at):
            return AddressError("route", "Source routes are not accepted.")
        return AddressError("syntax", "There is no plain address between the angle brackets.")


def _refuse_controls(text: str) -> None:
    if text.isascii() and text.isprintable():
        return
    for i, c in enumerate(text):
        if c == "\t" or unicodedata.category(c) not in _INVISIBLE:
            continue
        # Joiners build emoji and Persian words; between ASCII letters they only deceive.
        if (
            c in _JOINERS
            and not text[max(i - 1, 0)].isascii()
            and not text[i + 1 : i + 2].isascii()
        ):
            continue
        raise AddressError("control", "An address may not contain control or invisible characters.")


def _make(local: str, domain: str, name: str) -> Address:
    """Check the parts of one address and build it."""
    if domain.startswith("["):
        raise AddressError("literal", "Address literals ([192.0.2.1]) are not accepted.")
    ascii_domain = _check_domain(domain)
    local = _check_local(local)
    address = Address(local, domain, name.strip())
    if len(address.quoted_local.encode()) > LOCAL_MAX:
        raise AddressError("too-long", f"The part before the @ is longer than {LOCAL_MAX} octets.")
    if len(address.quoted_local.encode()) + 1 + len(ascii_domain) > TOTAL_MAX:
        raise AddressError("too-long", f"The address is longer than {TOTAL_MAX} octets.")
    return address


def _check_local(local: str) -> str:
    if local.startswith('"'):
        value = _UNQUOTE.sub(r"\1", local[1:-1])
        _refuse_controls(value)
        if not value or "\t" in value or "@" in value or not value.isascii():
            raise AddressError("local", "This quoted part before the @ is not accepted.")
        return value
    _refuse_controls(local)
    if any(c in local for c in _JOINERS) or not _ATOMS.fullmatch(local) or _has_space(local):
        raise AddressError("local", "The part before the @ is not valid.")
    return local


def _has_space(text: str) -> bool:
    return not text.isascii() and any(c.isspace() for c in text)


def _check_domain(domain: str) -> str:
    if len(domain) > TOTAL_MAX:
        raise AddressError("too-long", f"The address is longer than {TOTAL_MAX} octets.")
    name = domain.lower()
    if not domain.isascii() or "xn--" in name:
        try:
            name = _a_labels(domain)
        except UnicodeError as error:  # idna.IDNAError is one
            raise AddressError("domain", "The domain is not a valid international name.") from error
    # A last label of digits is an IP address to many resolvers.
    if not _DOMAIN.fullmatch(name) or name.rpartition(".")[2].isdigit():
        raise AddressError("domain", "The domain is not a full host name.")
    return name


@lru_cache(maxsize=1024)
def _a_labels(domain: str) -> str:
    """IDNA 2008 without compatibility mapping: a full-width or other look-alike form is refused."""
    text = unicodedata.normalize("NFC", domain.lower())
    return idna.encode(text, strict=True, std3_rules=True).decode()
