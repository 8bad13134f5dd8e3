"""Reads DMARC aggregate reports (RFC 7489 Appendix C, RFC 9990), from anybody and so from anyone.

Expat with document type declarations refused: without one there are no entities to expand or fetch.
"""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from xml.parsers import expat

ROWS = 20_000  # records read of a report: one with more is cut there
DEPTH = 16  # elements inside each other; the format needs eight
TEXT = 1_000  # characters kept of one value
LONGEST = timedelta(days=40)  # a report spans a day; more says nothing about when
COUNT_LIMIT = 2**40  # of messages in a row or report: more is nonsense


class ReportError(ValueError):
    """It is no report that can be read. `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Row:
    """Messages alike: from one IP, judged alike. `dkim` and `spf`: passed and aligned with From."""

    ip: str
    count: int
    disposition: str
    dkim: bool
    spf: bool
    header_from: str
    dkim_domain: str = ""
    spf_domain: str = ""
    override: str = ""  # why the policy was not followed: forwarded, mailing_list, …


@dataclass(frozen=True, slots=True)
class DmarcReport:
    """One receiver's count of mail in a domain's name. `policy` is what it found published."""

    reporter: str
    report_id: str
    begin: datetime
    end: datetime
    domain: str
    policy: str
    rows: tuple[Row, ...]
    cut: bool = False


def read_dmarc_report(data: bytes) -> DmarcReport:
    """The report in an XML document. Raises ReportError for everything else."""
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as err:
        raise ReportError("xml", f"The XML is broken: {err}") from err
    except (LookupError, UnicodeError, ValueError) as err:
        if isinstance(err, ReportError):
            raise
        raise ReportError("xml", f"The XML cannot be read: {err}") from err
    return reader.report()


def _refuse_doctype(*_: object) -> None:
    raise ReportError("doctype", "A report has no document type declaration.")


class _Reader:
    """Collects values by their path below <feedback>."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._text: list[str] = []
        self._head: dict[str, str] = {}
        self._row: dict[str, list[str]] = {}
        self._rows: list[Row] = []
        self._cut = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Go down one element."""
        local = name.rpartition(" ")[2]
        if not self._path and local != "feedback":
            raise ReportError("not-a-report", f"The document is a <{local[:40]}>, not <feedback>.")
        if len(self._path) >= DEPTH:
            raise ReportError("deep", "The elements are nested too deeply.")
        self._path.append(local[:60])
        self._text.clear()

    def text(self, data: str) -> None:
        """Keep the beginning of a value."""
        if sum(map(len, self._text)) < TEXT:
            self._text.append(data[:TEXT])

    def end(self, name: str) -> None:
        """Take the value of an element; a whole record becomes a row."""
        path = "/".join(self._path[1:])
        value = "".join(self._text).strip()[:TEXT]
        self._text.clear()
        self._path.pop()
        if path == "record":
            self._finish()
        elif path.startswith("record/"):
            if value:
                values = self._row.setdefault(path[7:], [])
                if len(values) < 20:  # results of one message: stops a row from growing for ever
                    values.append(value)
        elif value:
            self._head.setdefault(path, value)

    def _finish(self) -> None:
        row, self._row = self._row, {}
        if len(self._rows) >= ROWS:
            self._cut = True
            return

        def first(path: str) -> str:
            return row.get(path, [""])[0]

        try:
            ip = str(ipaddress.ip_address(first("row/source_ip")))
            count = _whole(first("row/count"))
        except ValueError:
            return  # a row that names no sender or no number tells nothing
        judged = "row/policy_evaluated"
        self._rows.append(
            Row(
                ip=ip.partition("%")[0],
                count=count,
                disposition=first(f"{judged}/disposition").lower()[:20] or "none",
                dkim=first(f"{judged}/dkim").lower() == "pass",
                spf=first(f"{judged}/spf").lower() == "pass",
                header_from=_name(first("identifiers/header_from")),
                dkim_domain=_passing(row, "auth_results/dkim"),
                spf_domain=_passing(row, "auth_results/spf"),
                override=first(f"{judged}/reason/type").lower()[:30],
            )
        )

    def report(self) -> DmarcReport:
        """The whole. Raises ReportError where what makes it a report is missing."""
        head = self._head
        domain = _name(head.get("policy_published/domain", ""))
        report_id = head.get("report_metadata/report_id", "")[:255]
        reporter = head.get("report_metadata/org_name") or head.get("report_metadata/email", "")
        if not domain or not report_id or not reporter:
            raise ReportError("incomplete", "The report lacks its domain, its id or its reporter.")
        begin = _moment(head.get("report_metadata/date_range/begin", ""))
        end = _moment(head.get("report_metadata/date_range/end", ""))
        if not timedelta(0) <= end - begin <= LONGEST:
            raise ReportError("dates", "The report's dates make no sense.")
        return DmarcReport(
            reporter=_plain(reporter)[:255],
            report_id=_plain(report_id),
            begin=begin,
            end=end,
            domain=domain,
            policy=head.get("policy_published/p", "").lower()[:20],
            rows=tuple(self._rows),
            cut=self._cut,
        )


def _passing(row: dict[str, list[str]], path: str) -> str:
    """The first domain of the results that passed; of all, where none did. Results and domains
    come in the same order, one of each, in every report that keeps to the schema.
    """
    domains, results = row.get(f"{path}/domain", []), row.get(f"{path}/result", [])
    for domain, result in zip(domains, results, strict=False):
        if result.lower() == "pass":
            return _name(domain)
    return _name(domains[0]) if domains else ""


def _moment(text: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(text[:12]), UTC)
    except (ValueError, OverflowError, OSError) as err:
        raise ReportError("dates", "The report's dates cannot be read.") from err


def _whole(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise ValueError("not a count")
    found = int(text)
    if not 0 < found <= COUNT_LIMIT:
        raise ValueError("not a count")
    return found


def _name(text: str) -> str:
    return _plain(text).rstrip(".").lower()[:253]


def _plain(text: str) -> str:
    """Without control characters: what is kept is shown to people."""
    return "".join(c for c in text if c.isprintable()).strip()
