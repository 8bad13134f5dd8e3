"""The single-send page: the call in several languages, and a run of it to oneself, told as it goes."""

import uuid
from typing import Any

import orjson
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from tokens.models import Role
from tokens.web import AccountRequest, account_page, principal
from transactional import mail_log, selectors
from transactional.compose import samples
from transactional.models import Email, Message, Source
from transactional.selectors import SendStatus
from transactional.submission.accept import accept_many
from transactional.submission.request import TemplateSubmission
from transactional.views import snippets
from transactional.views.emails import find_email
from transactional.views.messages import pill
from transactional.views.refusal_sentences_table import REMEDIES
from transactional.views.refusal_words import remedy, told

STOP_POLLING = 286  # htmx: swap, and ask no more
MOMENTS = 50  # of a run that are shown


@require_safe
@account_page(Role.VIEWER)
def email_api(request: AccountRequest, email_id: int) -> HttpResponse:
    """Snippets with the real id, host and sample; the last run, if its id is in the address."""
    email = find_email(request, email_id)
    sets = samples.listed(email)
    chosen = request.GET.get("sample", "")
    data = next((one.data for one in sets if str(one.pk) == chosen), email.sample)
    examples = snippets.examples(email, data)
    wanted = request.GET.get("lang", "")
    shown = next((one for one in examples if one.key == wanted), examples[0])
    run = _run(request, email, request.GET.get("run", ""))
    context: dict[str, Any] = {
        "email": email,
        "tab": "api",
        "examples": examples,
        "shown": shown,
        "sets": sets,
        "sample": chosen if any(str(one.pk) == chosen for one in sets) else "",
        "errors": REMEDIES.items(),
        "may_run": request.may(Role.MARKETER) and not email.archived_at,
        **(run or {}),
    }
    return render(request, "transactional/email_api.html", context)


@require_POST
@account_page(Role.MARKETER)
def email_api_run(request: AccountRequest, email_id: int) -> HttpResponseBase:
    """Send it to oneself, as a test that no numbers count, with the chosen sample."""
    email = find_email(request, email_id)
    chosen = request.POST.get("sample", "")
    sets = samples.listed(email)
    data = next((one.data for one in sets if str(one.pk) == chosen), email.sample)
    call = snippets.body(email, data)
    [answer] = accept_many(
        [
            TemplateSubmission(
                principal=principal(request),
                source=Source.APP,
                email_id=email.pk,
                to=request.user.email,
                contact_properties=call.get("contactProperties", {}),
                custom=call.get("customProperties", {}),
                test=True,
            )
        ]
    )
    lang = request.POST.get("lang", "")
    lang = lang if lang.isalpha() and len(lang) < 10 else "curl"
    chosen = chosen if chosen.isdigit() and len(chosen) < 20 else ""
    here = redirect("email_api", request.account.pk, email.pk).url
    return redirect(f"{here}?lang={lang}&sample={chosen}&run={answer.message_id or ''}#run")


@require_safe
@account_page(Role.VIEWER)
def email_api_state(
    request: AccountRequest, email_id: int, message_id: uuid.UUID
) -> HttpResponseBase:
    """What became of a run so far; asked for every second until it is final."""
    run = _run(request, find_email(request, email_id), str(message_id))
    if run is None:
        raise Http404
    if request.GET.get("seen") == run["seen"] and not run["final"]:
        return HttpResponse(status=204)
    status = STOP_POLLING if run["final"] else 200
    return render(request, "transactional/email_api_run.html", run, status=status)


def _run(request: AccountRequest, email: Email, text: str) -> dict[str, Any] | None:
    """A message of this email as the page tells it; None if there is none of that id."""
    try:
        message_id = uuid.UUID(text)
    except ValueError:
        return None
    story = mail_log.story(request.account.pk, message_id)
    found = selectors.send_status(request.account.pk, message_id)
    if story is None or found is None or not _is_of(story.message, email):
        return None
    moments = [_moment(one) for one in story.moments[:MOMENTS]]
    return {
        "email": email,
        "run": message_id,
        "answer": _answer(found),
        "why": told(found.refusal_text) if found.refusal else "",
        "remedy": remedy(found.refusal),
        "moments": moments,
        "final": not found.open,
        "seen": f"{len(story.moments)}-{found.status}",
        "pill": pill(found.status) if found.status else None,
    }


def _is_of(message: Message, email: Email) -> bool:
    """Whether a message is a send of this email; a test that could not be read names none."""
    if message.version is None:
        return bool(message.refusal) and message.source == Source.APP
    return bool(message.version.email_id == email.pk)


def _answer(found: SendStatus) -> str:
    """What the API answered the call with, as JSON."""
    answer: dict[str, Any] = {"requestedAt": found.requested_at, "statusId": str(found.message_id)}
    if found.refusal:
        answer |= {"status": "COMPLETE", "sendResult": found.refusal, "message": found.refusal_text}
    else:
        answer["status"] = "PENDING"
    return orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode()


def _moment(moment: mail_log.Moment) -> dict[str, Any]:
    attempt, event = moment.attempt, moment.event
    if attempt is not None:
        where = " ".join(part for part in (attempt.host, attempt.address, attempt.tls) if part)
        words = _("Try %(number)s") % {"number": attempt.number}
        return {
            "at": moment.at,
            "word": words,
            "tone": "mute",
            "says": attempt.reply,
            "where": where,
        }
    assert event is not None  # noqa: S101 — a moment is one of the two
    data = event.data if isinstance(event.data, dict) else {}
    says = data.get("response") or data.get("message") or data.get("reason") or ""
    return {"at": moment.at, **pill(event.type), "says": says, "where": ""}
