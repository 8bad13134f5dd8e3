"""The pages of approvals and roll-outs: who sees them, who may act, what they say."""

from collections.abc import Callable

import pytest
from django.test import Client

from config import attention
from tests.cast import Cast, make_email, make_user
from tests.transactional.views.test_emails import XSS, url
from tokens.models import Role, User
from transactional.compose import approvals, rollouts, versions
from transactional.compose.rollout_verdict import Verdict
from transactional.models import Approval, Email, RollOut

SignedIn = Callable[[User], Client]
pytestmark = pytest.mark.django_db


@pytest.fixture
def changed(cast: Cast) -> Email:
    email = make_email(cast.account)
    versions.publish(email, by="alice@shop.example")
    email.subject = XSS
    email.save()
    return email


def strict(cast: Cast, role: str = "owner") -> None:
    cast.account.approvers = role
    cast.account.save()


def test_publishing_in_steps_leads_to_the_page_of_the_roll_out(
    cast: Cast, signed_in: SignedIn, changed: Email
) -> None:
    alice = signed_in(cast.alice)
    sent = {"note": XSS, "share": "5"}
    page = alice.post(url(cast.account, changed, "publish/"), sent, follow=True)
    assert page.redirect_chain[-1][0] == url(cast.account, changed, "rollout/")
    assert "goes to 5 % of the recipients" in page.content.decode()
    one = RollOut.objects.of(cast.account).get()
    for action, state in (("hold", "held"), ("resume", "running"), ("advance", "running"),
                          ("roll-back", "rolled_back")):  # fmt: skip
        alice.post(url(cast.account, changed, f"rollout/{one.pk}/{action}/"))
        one.refresh_from_db()
        assert one.state == state
    late = alice.post(url(cast.account, changed, f"rollout/{one.pk}/finish/"), follow=True)
    assert "This roll-out has ended." in late.content.decode()
    assert alice.post(url(cast.account, changed, f"rollout/{one.pk}/nothing/")).status_code == 404


def test_roles_and_strangers(cast: Cast, signed_in: SignedIn, changed: Email) -> None:
    one = rollouts.start(changed, by="alice")
    strict(cast)
    other = make_email(cast.account)
    asked = approvals.ask(other, by="alice")
    pages = [url(cast.account, changed, "rollout/"), url(cast.account, other, "approval/"),
             f"/a/{cast.account.pk}/approvals/"]  # fmt: skip
    acts = [url(cast.account, changed, f"rollout/{one.pk}/hold/"),
            url(cast.account, other, f"approval/{asked.pk}/approve/")]  # fmt: skip
    for page in pages:
        response = signed_in(cast.bob).get(page)
        assert response.status_code == 200 and "<script>alert" not in response.content.decode()
        assert signed_in(cast.charlie).get(page).status_code == 404
    for act in acts:
        assert signed_in(cast.bob).post(act).status_code == 403
        assert signed_in(cast.charlie).post(act).status_code == 404
        assert signed_in(cast.alice).get(act).status_code == 405
        assert Client(enforce_csrf_checks=True).post(act).status_code == 403
    swapped = url(cast.account, changed, f"approval/{asked.pk}/approve/")
    assert signed_in(cast.alice).post(swapped).status_code == 404
    asked.refresh_from_db()
    assert asked.state == "open"


def test_asking_and_approving_in_the_browser(
    cast: Cast, signed_in: SignedIn, changed: Email
) -> None:
    strict(cast)
    writer = signed_in(make_user("mia@shop.example", cast.account, Role.MARKETER))
    page = writer.post(url(cast.account, changed, "publish/"), {"note": "News"}, follow=True)
    text = page.content.decode()
    assert "as soon as somebody else approves it" in text and "waits for approval" in text
    asked = Approval.objects.of(cast.account).get()
    act = url(cast.account, changed, f"approval/{asked.pk}/")
    assert "does not approve" in writer.post(f"{act}approve/", follow=True).content.decode()
    alice = signed_in(cast.alice)
    alice.post(f"{act}comment/", {"text": XSS})
    page = alice.post(f"{act}approve/", follow=True)
    assert "Done." in page.content.decode() and "<script>alert" not in page.content.decode()
    changed.refresh_from_db()
    assert changed.published_id == asked.version_id
    assert [one.code for one in attention.items(cast.account.pk) if "APPROV" in one.code] == []


def test_only_who_asked_or_an_owner_recalls(
    cast: Cast, signed_in: SignedIn, changed: Email
) -> None:
    strict(cast, "marketer")
    asked = approvals.ask(changed, by="mia@shop.example")
    act = url(cast.account, changed, f"approval/{asked.pk}/recall/")
    other = signed_in(make_user("dev@shop.example", cast.account, Role.DEVELOPER))
    assert "Only who asked" in other.post(act, follow=True).content.decode()
    signed_in(cast.alice).post(act)
    asked.refresh_from_db()
    assert asked.state == "recalled"


def test_what_needs_attention_is_on_the_dashboard(cast: Cast, changed: Email) -> None:
    one = rollouts.start(changed, by="alice")
    data = {"bad": 4, "of": 4, "live_bad": 0, "live_of": 60}
    rollouts.roll_back(one, by="postino", verdict=Verdict(True, "RENDER_ERRORS", data))
    strict(cast)
    approvals.ask(make_email(cast.account), by="alice")
    found = {item.code: str(item.text) for item in attention.items(cast.account.pk)}
    assert "4 of 4 sends failed to render, 0 of 60 before." in found["ROLLOUT_ROLLED_BACK"]
    assert "1" in found["APPROVALS_WAIT"]


def test_owners_turn_approvals_on(cast: Cast, signed_in: SignedIn) -> None:
    page = f"/a/{cast.account.pk}/settings/"
    alice = signed_in(cast.alice)
    form = alice.get(page).context["form"]
    sent = {name: form[name].value() or "" for name in form.fields} | {"approvers": "developer"}
    assert alice.post(page, sent).status_code == 302
    cast.account.refresh_from_db()
    assert cast.account.approvers == "developer"
