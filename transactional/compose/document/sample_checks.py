"""Checks that render: with the sample data and with every named set, and what the size comes to."""

import re
from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from config.errors import PostinoError
from transactional.compose import render, samples, template
from transactional.compose.document.expressions import CONTACT, CUSTOM
from transactional.compose.document.problem import Problem
from transactional.compose.sample import sample_context
from transactional.models import Email

SIZE_WARN, SIZE_CUT = 80_000, 102_000  # bytes of HTML; Gmail cuts off after some 102 kB
# What click tracking makes of a link, roughly: a signed address of ours around it
TRACKED_LINK = 120
_PRINTED = re.compile(r"\{\{-?\s*((?:contact|custom)(?:\.\w+)+)\s*-?\}\}")


def check_samples(email: Email) -> Iterator[Problem]:
    """Whether the templates compile, and render with each set of data; the largest result's size."""
    broken = False
    for field in ("subject", "preview_text", "html", "text"):
        for one in template.problems(field, getattr(email, field)):
            broken = True
            yield Problem("block", "TEMPLATE", one.message)
    if broken:
        return
    try:
        words = render.render(email, sample_context(email), text=False)
    except PostinoError as err:
        message = _("It cannot be rendered with the sample data: %(reason)s")
        yield Problem("block", err.refusal.code, message % {"reason": err.refusal.message})
        return
    largest = len(words.html.encode())
    for row in samples.listed(email):
        try:
            filled = render.render(email, sample_context(email, row.data), text=False)
        except PostinoError as err:
            message = _("It cannot be rendered with the data “%(name)s”: %(reason)s")
            values = {"name": row.name, "reason": err.refusal.message}
            yield Problem("block", "SAMPLE_SET", message % values)
        else:
            largest = max(largest, len(filled.html.encode()))
    yield from _check_size(email, largest, links=words.html.count("<a "))
    yield from _check_values(email)


def _check_size(email: Email, size: int, *, links: int) -> Iterator[Problem]:
    if email.track_clicks:
        size += TRACKED_LINK * links
    if size > SIZE_CUT:
        message = _("The email has %(size)s kB: Gmail cuts it off after 102 kB.")
        yield Problem("warn", "SIZE_CUT", message % {"size": size // 1000})
    elif size > SIZE_WARN:
        message = _("The email has %(size)s kB, close to the 102 kB at which Gmail cuts it off.")
        yield Problem("warn", "SIZE_NEAR", message % {"size": size // 1000})


def _check_values(email: Email) -> Iterator[Problem]:
    """Lists printed as text, and properties of people that the sample does not know."""
    printed = set(_PRINTED.findall(f"{email.subject} {email.preview_text} {email.html}"))
    for path in sorted(printed):
        if isinstance(_value(email.sample, path), list | dict):
            message = _("“%(name)s” is a list, and is written as if it were one value.")
            yield Problem("warn", "LIST_AS_TEXT", message % {"name": path})
    contact = email.sample.get(CONTACT, {})
    paths = render.compiled(email).paths
    for path in sorted(path for path in paths if path.startswith(f"{CONTACT}.")):
        if path.split(".")[1] not in contact:
            message = _("“%(name)s” has no sample value.") % {"name": path}
            yield Problem("advice", "NO_SAMPLE", message)
    for path in sorted(one for one in printed if one.startswith(f"{CONTACT}.")):
        if path.partition(".")[2] in contact and path != f"{CONTACT}.email":
            message = _("“%(name)s” is not known of everybody: say what stands there instead.")
            yield Problem("advice", "NO_FALLBACK", message % {"name": path})


def _value(sample: dict[str, Any], path: str) -> Any:
    found: Any = sample
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def check_leftover_words(email: Email) -> Iterator[Problem]:
    """For emails written as HTML: placeholders among the words that are rendered."""
    try:
        words = render.render(email, sample_context(email))
    except PostinoError:
        return
    known = str(email.sample.get(CUSTOM, "")) + str(email.sample.get(CONTACT, ""))
    for pattern in (re.compile(r"\[[A-Z][A-Z _-]{2,30}\]"), re.compile(r"lorem ipsum", re.I)):
        found = pattern.search(words.text) or pattern.search(words.subject)
        if found and found[0] not in known:
            message = _("“%(text)s” looks like a placeholder that was left over.")
            yield Problem("warn", "LEFTOVER", message % {"text": found[0][:60]})
