"""Double opt-in over HTTP: ask somebody by mail to confirm what they signed up for elsewhere."""

from rest_framework.request import Request
from rest_framework.response import Response

from config.calls import Call
from config.errors import PostinoError
from config.rest import CallRefused, Fault, invalid
from tokens.web import caller
from transactional import contacts, opt_in
from transactional.api import preferences_view as view
from transactional.api.preferences_view import Input
from transactional.models import Contact

LANGUAGES = ("en", "it")


class DoubleOptIns(Call):
    """Confirmations asked for."""

    scopes = frozenset({"communication_preferences.write", "communication_preferences.read_write"})

    def post(self, request: Request) -> Response:
        """202: the mail is accepted, and marketing mail waits until it is answered.

        An unknown address becomes a contact. 409 for who has confirmed already, 429 for who was
        asked too lately or too often.
        """
        known = view.types_of(request)
        asked = Input(view.body_of(request), [])
        email = asked.email("email")
        type_id = asked.type("subscriptionId", known)
        language = asked.choice("language", LANGUAGES, required=False) or "en"
        if asked.faults:
            raise invalid(asked.faults)
        who = caller(request)
        contacts.upsert_many([(who.account_id, email, {})])
        contact = Contact.objects.of(who.account_id).get(email=email)
        try:
            opt_in.ask(who.account_id, contact, known[type_id], principal=who, language=language)
        except PostinoError as err:
            raise _refused(err) from err
        return Response({"email": email, "status": "PENDING"}, status=202)


def _refused(err: PostinoError) -> CallRefused:
    told = err.refusal
    fault = Fault(told.message, told.pointer or "email", told.code)
    if told.code == "OPT_IN_LIMIT":
        wait = {"Retry-After": str(int(opt_in.PAUSE.total_seconds()))}
        return CallRefused(429, "RATE_LIMITS", told.message, faults=[fault], headers=wait)
    if told.http == 409:
        return CallRefused(409, "CONFLICT", told.message, faults=[fault])
    return invalid([fault])
