"""What the calls of domains and IPs share: their scope, texts, refusals, a row's findings."""

from collections.abc import Mapping, Sequence
from typing import Any

from analytics.complaints import Window
from config.calls import Call
from config.errors import PostinoError
from config.rest import CallRefused, Fault, invalid
from domains.findings import sentence_of


class DomainsCall(Call):
    """A call that needs the scope `domains`."""

    scopes = frozenset({"domains"})


def texts(body: Any, *names: str, longest: int = 300) -> dict[str, str]:
    """The required texts of a body. Raises CallRefused with every fault."""
    if not isinstance(body, dict):
        raise invalid([Fault("The body must be a JSON object.", "body", "INVALID_TYPE")])
    faults = []
    for name in names:
        if body.get(name) is None:
            faults.append(Fault(f"{name} is required", name, "REQUIRED_FIELD"))
        elif not isinstance(body[name], str) or len(body[name]) > longest:
            words = f"{name} must be a string of at most {longest} characters"
            faults.append(Fault(words, name, "INVALID_TYPE"))
    if faults:
        raise invalid(faults)
    return {name: body[name] for name in names}


def refused(err: PostinoError, pointer: str) -> CallRefused:
    """What may not be connected: 409 for what is already, 400 for the rest."""
    fault = Fault(err.refusal.message, pointer, err.refusal.code)
    if err.refusal.http == 409:
        return CallRefused(409, "CONFLICT", err.refusal.message, faults=[fault])
    return invalid([fault])


def complaints_view(windows: Sequence[Window]) -> list[dict[str, Any]]:
    """Rates of spam complaints; Gmail and Apple report none, so what they took is apart."""
    return [
        {
            "window": one.code,
            "days": one.days,
            "delivered": one.counts.delivered,
            "deliveredUnreported": one.counts.unreported,
            "complaints": one.counts.complaints,
            "percent": None if one.counts.percent is None else float(one.counts.percent),
        }
        for one in windows
    ]


def finding_view(finding: Mapping[str, Any]) -> dict[str, Any]:
    """What the last check found of a record or property."""
    return {
        "status": finding.get("status", "unchecked"),
        "code": finding.get("code", ""),
        "message": sentence_of(finding),
        "found": list(finding.get("found", ())),
    }
