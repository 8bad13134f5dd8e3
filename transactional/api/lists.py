"""Contact lists over HTTP: make, list, show, change, delete; who is on them; put on, take off."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from config.calls import Call
from config.errors import PostinoError
from config.paging import LONGEST_PAGE, MAX_ID, PAGE, find, number
from config.paging import page as paged
from config.rest import CallRefused, Fault, invalid
from tokens.web import caller
from transactional import contact_lists
from transactional.models import ContactList


class ListsCall(Call):
    """A call that needs the scope `contacts`."""

    scopes = frozenset({"contacts"})


class Lists(ListsCall):
    """The account's lists."""

    def get(self, request: Request) -> Response:
        """A page of them, newest first, without their counts."""
        rows, paging = paged(request, ContactList.objects.of(caller(request).account_id))
        return Response({"results": [summary(one) for one in rows], **paging})

    def post(self, request: Request) -> Response:
        """201: a static list, or a filter where `conditions` are given."""
        body = _body(request)
        given = body.get("conditions")
        try:
            conditions = None if given is None else contact_lists.read_conditions(given)
            made = contact_lists.create(
                caller(request).account_id,
                name=_name(body),
                conditions=conditions,
                by=caller(request).name,
            )
        except PostinoError as err:
            raise refused(err) from err
        return Response(view(made), status=201)


class ListById(ListsCall):
    """One list."""

    def get(self, request: Request, list_id: str) -> Response:
        """The list with its count now."""
        return Response(view(_find(request, list_id)))

    def patch(self, request: Request, list_id: str) -> Response:
        """Another name, or other conditions of a filter."""
        found, body = _find(request, list_id), _body(request)
        given = body.get("conditions")
        try:
            contact_lists.change(
                found,
                name=_name(body) if body.get("name") is not None else None,
                conditions=None if given is None else contact_lists.read_conditions(given),
            )
        except PostinoError as err:
            raise refused(err) from err
        return Response(view(found))

    def delete(self, request: Request, list_id: str) -> Response:
        """204: the list is gone, its people stay."""
        _find(request, list_id).delete()
        return Response(status=204)


class Members(ListsCall):
    """Who is on a list."""

    def get(self, request: Request, list_id: str) -> Response:
        """A page of them, newest contact first."""
        found = _find(request, list_id)
        asked = request.query_params
        limit = number(asked.get("limit", ""), most=LONGEST_PAGE)
        before = number(asked.get("after", ""))
        faults = [
            Fault(f"{name} must be a whole number of 1 to {most}", name, "INVALID_VALUE")
            for name, value, most in (("limit", limit, LONGEST_PAGE), ("after", before, MAX_ID))
            if asked.get(name) and value is None
        ]
        if faults:
            raise invalid(faults)
        size = limit or PAGE
        account_id = caller(request).account_id
        rows = contact_lists.page(account_id, found, before=before, limit=size + 1)
        answer: dict[str, Any] = {
            "results": [
                {"id": str(one.pk), "email": one.email, "properties": one.properties}
                for one in rows[:size]
            ]
        }
        if len(rows) > size:
            answer["paging"] = {"next": {"after": str(rows[size - 1].pk)}}
        return Response(answer)


class AddMembers(ListsCall):
    """People put on a static list; those unknown become contacts."""

    def post(self, request: Request, list_id: str) -> Response:
        """How many were not on it; what is no address is told and left out."""
        return _change(request, list_id, contact_lists.add, "added")


class RemoveMembers(ListsCall):
    """People taken off a static list; they stay contacts."""

    def post(self, request: Request, list_id: str) -> Response:
        """How many were on it."""
        return _change(request, list_id, contact_lists.remove, "removed")


def _change(request: Request, list_id: str, act: Any, word: str) -> Response:
    found = _find(request, list_id)
    emails = _body(request).get("emails")
    most = contact_lists.ADDRESSES_MAX
    if (
        not isinstance(emails, list)
        or not 0 < len(emails) <= most
        or any(not isinstance(one, str) or len(one) > 1000 for one in emails)
    ):
        words = f"emails must be a list of 1 to {most} texts"
        raise invalid([Fault(words, "emails", "INVALID_TYPE")])
    good, bad = contact_lists.addresses(emails)
    try:
        done = act(caller(request).account_id, found, good)
    except PostinoError as err:
        raise refused(err) from err
    return Response({word: done, "invalid": bad[:100], "invalidCount": len(bad)})


def summary(one: ContactList) -> dict[str, Any]:
    """A list among others."""
    found: dict[str, Any] = {
        "id": str(one.pk),
        "name": one.name,
        "kind": one.kind,
        "createdBy": one.created_by,
        "createdAt": one.created_at,
        "updatedAt": one.updated_at,
    }
    if one.conditions:
        found["conditions"] = one.conditions
    return found


def view(one: ContactList) -> dict[str, Any]:
    """A list with how many are on it now."""
    return {**summary(one), "size": contact_lists.count(one.account_id, one)}


def _find(request: Request, text: str) -> ContactList:
    row: ContactList = find(ContactList.objects.of(caller(request).account_id), text)
    return row


def _body(request: Request) -> dict[str, Any]:
    if not isinstance(request.data, dict):
        raise invalid([Fault("The body must be a JSON object.", "body", "INVALID_TYPE")])
    return request.data


def _name(body: dict[str, Any]) -> str:
    value = body.get("name")
    if not isinstance(value, str):
        raise invalid([Fault("name must be a string", "name", "INVALID_TYPE")])
    return value


def refused(err: PostinoError) -> CallRefused:
    """409 for what cannot be beside something else, 400 for what is wrong."""
    told = err.refusal
    fault = Fault(told.message, told.pointer, told.code)
    if told.http == 409:
        return CallRefused(409, "CONFLICT", told.message, faults=[fault])
    return invalid([fault])
