"""The only place that writes records in zone-file form (RFC 1035 §5.1)."""

from collections.abc import Iterable

from domains.records import Record

TTL = 3600  # seconds: an hour is short enough to correct a mistake
STRING = 250  # octets of one string of a TXT value; 255 is the most (RFC 1035 §3.3)


def presented(kind: str, value: str) -> str:
    """A value as a zone file has it: text in quoted strings, names absolute."""
    if kind == "TXT":
        parts = [value[i : i + STRING] for i in range(0, len(value), STRING)]
        return " ".join(f'"{part}"' for part in parts)
    return f"{value}."


def zone_file(name: str, records: Iterable[Record]) -> str:
    """The records of a domain, to be imported at its DNS provider.

    All names are absolute, so that it does not matter what a form would add.
    """
    lines = [f"; DNS records of {name} for sending mail", f"$ORIGIN {name}.", f"$TTL {TTL}"]
    for record in records:
        value = presented(record.type, record.value)
        lines.append(f"{record.host}. IN {record.type} {value}")
    return "\n".join(lines) + "\n"
