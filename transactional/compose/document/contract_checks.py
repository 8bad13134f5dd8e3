"""Checks of the contract: what is used and not declared, and sample data that does not keep it."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from config.errors import PostinoError
from transactional.compose import render, samples
from transactional.compose.contract import check, schema
from transactional.compose.document.expressions import CUSTOM
from transactional.compose.document.problem import Problem
from transactional.models import Email

NAMED = 5  # variables or places that one sentence names


def check_contract(email: Email) -> Iterator[Problem]:
    """Nothing where an email declares nothing: its sends are held to what its templates name."""
    if not email.contract:
        return
    contract = schema.parse(email.contract)
    try:
        paths = render.compiled(email).paths
    except PostinoError:
        return  # told as a broken template
    used = {path.split(".")[1] for path in paths if path.startswith(f"{CUSTOM}.")}
    declared = {one.name for one in contract.variables}
    if missing := sorted(used - declared):
        message = _("Used, and not declared as variables: %(names)s.")
        yield Problem("warn", "UNDECLARED", message % {"names": ", ".join(missing[:NAMED])})
    if unused := sorted(declared - used):
        message = _("Declared as variables, and not used: %(names)s.")
        yield Problem("advice", "UNUSED_VARIABLE", message % {"names": ", ".join(unused[:NAMED])})
    sets = {_("Sample data"): email.sample, **{one.name: one.data for one in samples.listed(email)}}
    for name, data in sets.items():
        custom = data.get(CUSTOM, {})
        found = check.faults(contract, custom if isinstance(custom, dict) else {})
        if found:
            places = ", ".join(one.pointer.removeprefix(check.ROOT) for one in found[:NAMED])
            message = _("“%(name)s” does not keep the variables declared: %(places)s")
            yield Problem("warn", "SAMPLE_CONTRACT", message % {"name": name, "places": places})
