"""Communication preferences, version 3: definitions, an address's statuses, subscribe, unsubscribe."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from config.rest import invalid
from tokens.web import caller
from transactional import subscription_types, subscriptions
from transactional.api import preferences_view as view
from transactional.api.preferences_view import Input, PreferencesCall
from transactional.models import Subscribed, SubscriptionType
from transactional.subscriptions import Person, Wanted


class Definitions(PreferencesCall):
    """The account's subscription types."""

    def get(self, request: Request) -> Response:
        """All of them, those that are offered no more too."""
        rows = subscription_types.all_types(caller(request).account_id, inactive=True)
        return Response({"subscriptionDefinitions": [view.definition(one) for one in rows]})


class StatusOfEmail(PreferencesCall):
    """What one address has agreed to."""

    def get(self, request: Request, email: str) -> Response:
        """A status for each type."""
        address = view.must_be_email(email)
        person = subscriptions.people(caller(request).account_id, [address])[address]
        statuses = [status(person, one) for one in view.types_of(request).values()]
        return Response({"recipient": address, "subscriptionStatuses": statuses})


class Subscribe(PreferencesCall):
    """One address subscribes to one type."""

    writes = True
    wanted = Subscribed.SUBSCRIBED

    def post(self, request: Request) -> Response:
        """200 with the status; 400 for somebody who has unsubscribed: only they come back."""
        known = view.types_of(request)
        asked = Input(view.body_of(request), [])
        email, type_id = asked.email("emailAddress"), asked.type("subscriptionId", known)
        basis, why = asked.basis()
        if asked.faults:
            raise invalid(asked.faults)
        account_id = caller(request).account_id
        person = subscriptions.people(account_id, [email])[email]
        gone = person.status(type_id) == Subscribed.UNSUBSCRIBED
        if gone and self.wanted == Subscribed.SUBSCRIBED:
            raise view.already_left(email, type_id)
        wanted = Wanted(
            email=email,
            type_id=type_id,
            status=self.wanted,
            legal_basis=basis,
            explanation=why,
        )
        subscriptions.record(account_id, [wanted], view.origin(request))
        person = subscriptions.people(account_id, [email])[email]
        return Response(status(person, known[type_id]))


class Unsubscribe(Subscribe):
    """One address leaves one type."""

    wanted = Subscribed.UNSUBSCRIBED


class Resubscribe(PreferencesCall):
    """One address comes back to a type it had left: the caller says that they asked for it."""

    writes = True

    def post(self, request: Request) -> Response:
        """200 with the status."""
        known = view.types_of(request)
        asked = Input(view.body_of(request), [])
        email, type_id = asked.email("emailAddress"), asked.type("subscriptionId", known)
        basis, why = asked.basis()
        if asked.faults:
            raise invalid(asked.faults)
        wanted = Wanted(
            email=email,
            type_id=type_id,
            status=Subscribed.SUBSCRIBED,
            legal_basis=basis,
            explanation=why,
        )
        account_id = caller(request).account_id
        subscriptions.record(account_id, [wanted], view.origin(request))
        person = subscriptions.people(account_id, [email])[email]
        return Response(status(person, known[type_id]))


def status(person: Person, one: SubscriptionType) -> dict[str, Any]:
    """PublicSubscriptionStatus."""
    answer = person.answers.get(one.pk)
    subscribed = person.status(one.pk) == Subscribed.SUBSCRIBED
    found: dict[str, Any] = {
        "id": str(one.pk),
        "name": one.name,
        "description": one.description,
        "status": "SUBSCRIBED" if subscribed else "NOT_SUBSCRIBED",
        "sourceOfStatus": "PORTAL_WIDE_STATUS" if person.left_all_at else "SUBSCRIPTION_STATUS",
    }
    if answer is not None and answer.legal_basis:
        found["legalBasis"] = answer.legal_basis
        found["legalBasisExplanation"] = answer.explanation
    return found
