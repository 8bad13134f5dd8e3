"""Communication preferences, version 4: statuses one by one and in batches, links to their pages."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from config.rest import Fault, invalid
from tokens.web import caller
from transactional import contacts, signing, subscription_types, subscriptions
from transactional.api import preferences_view as view
from transactional.api.preferences_view import Input, PreferencesCall
from transactional.models import Subscribed, SubscriptionType
from transactional.subscriptions import Person, Wanted

BATCH = 500  # inputs of one call


class Definitions(PreferencesCall):
    """The account's subscription types."""

    def get(self, request: Request) -> Response:
        """All of them; `includeTranslations=true` adds their words in each language."""
        started = timezone.now()
        told = request.query_params.get("includeTranslations", "").lower() == "true"
        rows = subscription_types.all_types(caller(request).account_id, inactive=True)
        results = [view.definition(one, translations=told) for one in rows]
        return Response(view.envelope(results, started))


class Statuses(PreferencesCall):
    """What one address has agreed to."""

    writes = True

    def get(self, request: Request, email: str) -> Response:
        """A status for each type."""
        started = timezone.now()
        view.check_channel(request)
        address = view.must_be_email(email)
        person = subscriptions.people(caller(request).account_id, [address])[address]
        results = [view.public_status(person, one) for one in view.types_of(request).values()]
        return Response(view.envelope(results, started))

    def post(self, request: Request, email: str) -> Response:
        """Set one status; coming back after leaving is told as RESUBSCRIBE_OCCURRED."""
        started = timezone.now()
        address = view.must_be_email(email)
        known = view.types_of(request)
        asked = Input({**view.body_of(request), "subscriberIdString": address}, [])
        wanted = _wanted(asked, known)
        if wanted is None:
            raise invalid(asked.faults)
        results = _write(request, [wanted], known)
        return Response(view.envelope(results, started))


class LeaveAll(PreferencesCall):
    """Whether one address has left all marketing mail; leaving it."""

    writes = True

    def get(self, request: Request, email: str) -> Response:
        """The status that goes before every other."""
        started = timezone.now()
        view.check_channel(request)
        address = view.must_be_email(email)
        person = subscriptions.people(caller(request).account_id, [address])[address]
        return Response(view.envelope([view.wide_status(person, started)], started))

    def post(self, request: Request, email: str) -> Response:
        """Leave everything; with `verbose=true` the statuses come along."""
        started = timezone.now()
        view.check_channel(request)
        address = view.must_be_email(email)
        results = _leave_all(request, [address])[address]
        verbose = request.query_params.get("verbose", "").lower() == "true"
        return Response(view.envelope(results if verbose else [], started))


class BatchRead(PreferencesCall):
    """What many addresses have agreed to."""

    batch = True

    def post(self, request: Request) -> Response:
        """Each address with a status for each type; 207 where one is no address."""
        started = timezone.now()
        view.check_channel(request)
        emails, faults = _emails(request)
        known = view.types_of(request)
        people = subscriptions.people(caller(request).account_id, emails)
        results = [
            {
                "subscriberIdString": email,
                "statuses": [view.public_status(people[email], one) for one in known.values()],
            }
            for email in emails
        ]
        return _batched(results, started, faults)


class BatchWrite(PreferencesCall):
    """Many statuses set in one transaction."""

    batch = True
    writes = True

    def post(self, request: Request) -> Response:
        """The statuses set, in order; what is wrong is left out and told with 207."""
        started = timezone.now()
        known = view.types_of(request)
        faults: list[Fault] = []
        wanted: list[Wanted] = []
        for place, one in enumerate(_inputs(request)):
            if not isinstance(one, dict):
                pointer = f"inputs[{place}]"
                faults.append(Fault(f"{pointer} must be an object", pointer, "INVALID_TYPE"))
                continue
            asked = Input(one, faults, f"inputs[{place}].")
            found = _wanted(asked, known)
            if found is not None:
                wanted.append(found)
        return _batched(_write(request, wanted, known), started, faults)


class BatchLeaveAll(PreferencesCall):
    """Many addresses leave all marketing mail."""

    batch = True
    writes = True

    def post(self, request: Request) -> Response:
        """Each address with its statuses, all of them unsubscribed."""
        started = timezone.now()
        view.check_channel(request)
        emails, faults = _emails(request)
        done = _leave_all(request, emails)
        results = [{"subscriberIdString": one, "statuses": done[one]} for one in emails]
        return _batched(results, started, faults)


class BatchLeftAll(PreferencesCall):
    """Which of many addresses have left all marketing mail."""

    batch = True

    def post(self, request: Request) -> Response:
        """Each address with that status."""
        started = timezone.now()
        view.check_channel(request)
        emails, faults = _emails(request)
        people = subscriptions.people(caller(request).account_id, emails)
        results = [
            {"subscriberIdString": one, "wideStatuses": [view.wide_status(people[one], started)]}
            for one in emails
        ]
        return _batched(results, started, faults)


class Links(PreferencesCall):
    """Links to a person's pages, for mail that others send. Its address becomes a contact."""

    def post(self, request: Request) -> Response:
        """Preference page, leaving everything, and leaving one type where one is named."""
        view.check_channel(request)
        asked = Input(view.body_of(request), [])
        email = asked.email("subscriberIdString")
        language = asked.choice("language", dict(settings.LANGUAGES), required=False)
        named = asked.body.get("subscriptionId") is not None
        type_id = asked.type("subscriptionId", view.types_of(request)) if named else 0
        if asked.faults:
            raise invalid(asked.faults)
        account_id = caller(request).account_id
        contacts.upsert_many([(account_id, email, {})])
        contact_id = contacts.facts([(account_id, email)])[account_id, email].id
        page = f"{settings.PUBLIC_URL}/u/p/{signing.preferences_token(contact_id)}"
        query = f"?lang={language}" if language else ""
        answer = {
            "subscriberIdString": email,
            "managePreferencesUrl": f"{page}{query}",
            "unsubscribeAllUrl": f"{page}/all{query}",
        }
        if type_id:
            answer["unsubscribeSingleUrl"] = f"{page}/{type_id}{query}"
        return Response(answer)


def _inputs(request: Request) -> list[Any]:
    """The inputs of a batch. Raises CallRefused."""
    inputs = view.body_of(request).get("inputs")
    if not isinstance(inputs, list) or len(inputs) > BATCH:
        words = f"inputs must be a list of at most {BATCH}"
        raise invalid([Fault(words, "inputs", "INVALID_TYPE")])
    return inputs


def _emails(request: Request) -> tuple[list[str], list[Fault]]:
    """The addresses of a batch, each once, and what is none."""
    good: dict[str, None] = {}
    faults: list[Fault] = []
    for place, one in enumerate(_inputs(request)):
        found = view.address(one)
        if found is None:
            pointer = f"inputs[{place}]"
            faults.append(Fault(f"{pointer} must be one email address", pointer, "INVALID_EMAIL"))
        else:
            good[found] = None
    return list(good), faults


def _wanted(asked: Input, known: Mapping[int, SubscriptionType]) -> Wanted | None:
    """One PublicStatusRequest; None where something is wrong, which is noted."""
    before = len(asked.faults)
    email = asked.email("subscriberIdString")
    type_id = asked.type("subscriptionId", known)
    asked.choice("channel", ("EMAIL",), required=True)
    state = asked.choice("statusState", view.STATES, required=True)
    basis, why = asked.basis()
    if len(asked.faults) > before:
        return None
    return Wanted(
        email=email,
        type_id=type_id,
        status=view.STATES[state],
        legal_basis=basis,
        explanation=why,
    )


def _write(
    request: Request, wanted: list[Wanted], known: Mapping[int, SubscriptionType]
) -> list[dict[str, Any]]:
    """Store, and tell each status with why it is so now."""
    account_id = caller(request).account_id
    before = subscriptions.people(account_id, [one.email for one in wanted])
    changed = subscriptions.record(account_id, wanted, view.origin(request))
    after = subscriptions.people(account_id, [one.email for one in wanted])
    results = []
    for one, new in zip(wanted, changed, strict=True):
        type_id = one.type_id or 0
        reason = _reason(one, before[one.email], new)
        results.append(view.public_status(after[one.email], known[type_id], reason=reason))
    return results


def _reason(one: Wanted, before: Person, changed: bool) -> str:
    if not changed:
        return "NO_STATUS_CHANGE"
    was = before.status(one.type_id or 0)
    back = one.status == Subscribed.SUBSCRIBED and was == Subscribed.UNSUBSCRIBED
    return "RESUBSCRIBE_OCCURRED" if back else "REQUESTED_CHANGE_OCCURRED"


def _leave_all(request: Request, emails: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Leave everything; the statuses of each address after it."""
    account_id = caller(request).account_id
    wanted = [Wanted(email=one, type_id=None, status=Subscribed.UNSUBSCRIBED) for one in emails]
    changed = subscriptions.record(account_id, wanted, view.origin(request))
    people = subscriptions.people(account_id, emails)
    known = view.types_of(request).values()
    words = {True: "UNSUBSCRIBE_FROM_ALL_OCCURRED", False: "NO_STATUS_CHANGE"}
    return {
        email: [view.public_status(people[email], one, reason=words[new]) for one in known]
        for email, new in zip(emails, changed, strict=True)
    }


def _batched(results: list[Any], started: Any, faults: list[Fault]) -> Response:
    status = 207 if faults else 200
    return Response(view.envelope(results, started, faults), status=status)
