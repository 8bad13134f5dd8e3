from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transactional.wire.notice import Notice, read_notice


def mail(headers: Sequence[str], body: str, encoding: str = "utf-8") -> bytes:
    head = "\r\n".join(headers)
    return f"{head}\r\n\r\n".encode() + body.replace("\n", "\r\n").encode(encoding)


DAEMON = "From: Mail Delivery Subsystem <MAILER-DAEMON@mx.far.example>"
RETURNED = "\nReceived: from a.example\nSubject: your order\n\n550 5.7.1 spam\n"

SENDMAIL = mail(
    [DAEMON, "Subject: Returned mail: see transcript for details"],
    """The original message was received at Mon, 23 Nov 2026 09:00:00 +0900

   ----- The following addresses had permanent fatal errors -----
<reader@far.example>
    (reason: 550 5.1.1 <reader@far.example>... User unknown)

   ----- Transcript of session follows -----
... while talking to mx.far.example.:
>>> RCPT To:<reader@far.example>
<<< 550 5.1.1 <reader@far.example>... User unknown
"""
    + RETURNED,
)
EXIM = mail(
    [
        "From: Mail Delivery System <Mailer-Daemon@mx.far.example>",
        "X-Failed-Recipients: reader@far.example",
        "Auto-Submitted: auto-replied",
        "Subject: Mail delivery failed: returning message to sender",
    ],
    """This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  reader@far.example
    host mx.other.example [192.0.2.7]
    SMTP error from remote mail server after end of data:
    552 5.2.2 Over quota

------ This is a copy of the message, including all the headers. ------
"""
    + RETURNED,
)
QMAIL = mail(
    ["From: MAILER-DAEMON@far.example", "Subject: failure notice", "Return-Path: <>"],
    """Hi. This is the qmail-send program at far.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<reader@far.example>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.
"""
    + RETURNED,
)
POSTFIX = mail(
    [DAEMON, "Subject: Undelivered Mail Returned to Sender"],
    """This is the mail system at host mx.far.example.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

<reader@far.example>: host mx.other.example[192.0.2.7] said: 554 5.7.1 Service
    unavailable; Client host [192.0.2.9] blocked using a list (in reply to
    RCPT TO command)
""",
)
EXCHANGE = mail(
    ["From: postmaster@far.example", "Subject: Undeliverable: Hello"],
    """Delivery has failed to these recipients or groups:

Reader (reader@far.example)
The email address you entered couldn't be found.

Diagnostic information for administrators:

Generating server: mx.far.example

reader@far.example
Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup'

Original message headers:
"""
    + RETURNED,
)
NOTES = mail(
    ["From: Postmaster@far.example", "Subject: DELIVERY FAILURE: User reader not listed"],
    """Your message

  Subject: Hello

was not delivered to:

  reader@far.example

because:

  User reader (reader@far.example) not listed in Domino Directory
""",
)
JAPAN = mail(
    [
        "From: MAILER-DAEMON@far.example",
        "Subject: =?ISO-2022-JP?B?GyRCRyc3bz1QTWgkXiQ7JHMbKEI=?= returned mail",
        "Content-Type: text/plain; charset=iso-2022-jp",
    ],
    """以下の宛先にメールを配信できませんでした。

reader@far.example
550 宛先のユーザーは存在しません
""",
    "iso-2022-jp",
)
HTML = mail(
    [DAEMON, "Subject: failure notice", "Content-Type: text/html"],
    "<html><style>p{}</style><p>I wasn't able to deliver your message to:<br>"
    "&lt;reader@far.example&gt;<br>No such user</p></html>",
)
FORMS = {
    "sendmail": (SENDMAIL, "5.1.1", "User unknown"),
    "exim": (EXIM, "5.2.2", "Over quota"),
    "qmail": (QMAIL, "5.1.1", "no mailbox here"),
    "postfix": (POSTFIX, "5.7.1", "blocked using a list (in reply to RCPT TO command)"),
    "exchange": (EXCHANGE, "5.1.10", "RecipientNotFound"),
    "notes": (NOTES, "", "not listed in Domino Directory"),
    "japan": (JAPAN, "", "存在しません"),
    "html": (HTML, "", "No such user"),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_forms_of_the_common_programs(form: str) -> None:
    raw, status, said = FORMS[form]
    one = read_notice(raw).recipients[0]
    assert one.final_recipient == "reader@far.example"
    assert (one.action, one.status) == ("failed", status)
    assert said in one.diagnostic
    assert "spam" not in one.diagnostic  # the returned mail is not read


def test_a_warning_is_no_failure() -> None:
    raw = mail(
        [DAEMON, "Subject: Warning: message delayed 24 hours"],
        "A message that you sent has not yet been delivered to:\n\n  reader@far.example\n\n"
        "No action is required on your part. Delivery attempts will continue.\n",
    )
    assert [one.action for one in read_notice(raw).recipients] == ["delayed"]


def test_a_report_that_a_gateway_wrapped_is_found() -> None:
    report = (
        "From: postmaster@far.example\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=in\r\n\r\n"
        "--in\r\nContent-Type: text/plain\r\n\r\nIt failed.\r\n"
        "--in\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; far.example\r\n\r\n"
        "Final-Recipient: rfc822; reader@far.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
        "--in--\r\n"
    )
    raw = (
        "From: postmaster@far.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=out\r\n\r\n--out\r\n"
        f"Content-Type: message/rfc822\r\n\r\n{report}\r\n--out--\r\n"
    )
    one = read_notice(raw.encode()).recipients[0]
    assert (one.final_recipient, one.status) == ("reader@far.example", "5.1.1")


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (["Auto-Submitted: auto-replied"], "Thanks, your mail could not be read today."),
        (["Auto-Submitted: auto-generated"], "ticket"),
        (["X-Autoreply: yes"], "hello"),
        (["Precedence: auto_reply"], "hello"),
        (["Subject: Out of Office: hello"], "550 5.1.1 user unknown"),
        (["Subject: Risposta automatica: ordine"], "Grazie."),
        (["Subject: =?utf-8?q?R=C3=A9ponse_automatique?="], "Merci."),
        (["Subject: Re: order"], "I am currently away and will reply when I return."),
        (["Subject: Re: ordine"], "Sono in ferie fino al 7 gennaio; rientrerò lunedì."),
        (["Subject: Re: ordine"], "Salve, attualmente sono fuori ufficio."),
        (["Subject: Re: Bestellung"], "Ich bin im Urlaub."),
        (
            ["Content-Type: multipart/report; report-type=disposition-notification; boundary=b"],
            "--b\nContent-Type: text/plain\n\nIt was read.\n--b--\n",
        ),
    ],
)
def test_a_program_that_answers_is_no_bounce(headers: list[str], body: str) -> None:
    notice = read_notice(mail(["From: Reader <reader@far.example>", *headers], body))
    assert notice.automatic and not notice.recipients


@pytest.mark.parametrize(
    "body",
    [
        "Thanks for the order!",
        "The parcel could not be delivered to my address, what now?",
        "We got an error 550 5.1.1 from your form.",
    ],
)
def test_what_a_person_writes_is_neither(body: str) -> None:
    notice = read_notice(mail(["From: reader@far.example", "Subject: Re: your order"], body))
    assert notice == Notice(text=body)


def test_auto_submitted_no_means_a_person() -> None:
    raw = mail(["From: r@far.example", "Auto-Submitted: no"], "hi")
    assert not read_notice(raw).automatic


@given(st.binary(max_size=3000))
def test_no_bytes_raise(raw: bytes) -> None:
    read_notice(raw)


@given(
    st.sampled_from(list(FORMS)),
    st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=20)), max_size=8),
)
def test_no_broken_bounce_raises(form: str, cuts: list[tuple[int, bytes]]) -> None:
    raw = FORMS[form][0]
    for at, what in cuts:
        raw = raw[:at] + what + raw[at + len(what) :]
    read_notice(raw)


@pytest.mark.parametrize(
    "body",
    [
        "<" * 200_000,
        "a@" * 100_000,
        "a@b" * 100_000,
        "550 " * 100_000,
        "<style>" * 30_000,
        "reader@far.example\n" * 20_000,
        " " * 200_000 + "x",
        "-" * 200_000,
        "could not be " * 30_000,
    ],
)
@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
def test_hostile_bounces_are_read(kind: str, body: str) -> None:
    notice = read_notice(mail([DAEMON, "Subject: failure notice", f"Content-Type: {kind}"], body))
    assert len(notice.recipients) <= 50
    assert all(len(one.diagnostic) <= 1000 for one in notice.recipients)


@pytest.mark.parametrize(
    "text",
    [
        "Your message has been waitlisted. Please add yourself to my Guest List.",
        "To release your message for delivery, reply to this message.",
        "Just this once, click the link below so I can receive your emails.",
        "I only accept mail from senders I have approved beforehand.",
    ],
)
def test_a_mailbox_that_asks_who_the_sender_is_has_not_bounced(text: str) -> None:
    subject = "Subject: Your message could not be delivered yet"
    assert read_notice(mail([DAEMON, subject], text)) == Notice(text=text, automatic=True)


def test_an_address_that_is_named_as_the_sender_did_not_fail() -> None:
    text = "Mail from: news+1@shop.example\nto reader@far.example could not be delivered: spam"
    notice = read_notice(mail([DAEMON, "Subject: Delivery failure"], text))
    assert [one.final_recipient for one in notice.recipients] == ["reader@far.example"]


@pytest.mark.parametrize(
    "subject",
    [
        "Nieobecność w biurze",
        "Automatisch antwoord: uw bericht",
        "Автоматический ответ: заказ",
        "自动答复: 订单",
        "Thank you for your e-mail",
        "Atvaļinājums",
    ],
)
def test_who_is_away_in_other_languages(subject: str) -> None:
    notice = read_notice(mail(["From: ann@far.example", f"Subject: {subject}"], "Hello"))
    assert notice.automatic and not notice.recipients


def html_notice(markup: str) -> Notice:
    return read_notice(mail([DAEMON, "Subject: failure", "Content-Type: text/html"], markup))


@pytest.mark.parametrize(
    ("markup", "wanted"),
    [
        ("<STYLE>p {}</style >a", "a"),
        ("<title>x</title><script>y</script>a<style>z</style>b", "a b"),
        ("<style><script>1</style>a</script>b", "a b"),  # what opens within closes nothing
        ("<style>a" + "<style>b" * 3 + "</style>c", "c"),
        ("<style>" + "x" * 4001 + "</style>a<style>y</style>b", "x" * 4001 + " a b"),
        ("<styles>a</styles>", "a"),
        ("a</style><style>b", "a b"),
    ],
)
def test_what_a_page_does_not_show_is_not_read(markup: str, wanted: str) -> None:
    assert " ".join(html_notice(markup).text.split()) == wanted


def test_each_of_many_recipients_has_the_words_that_follow_it() -> None:
    body = "Could not be delivered to:\n\n" + "".join(
        f"<U{n}@Far.example>\nreason number {n}: gone\n\n" for n in range(50)
    )
    found = read_notice(mail([DAEMON, "Subject: failure notice"], body)).recipients
    assert [one.final_recipient for one in found] == [f"U{n}@Far.example" for n in range(50)]
    assert all(f"reason number {n}: gone" in one.diagnostic for n, one in enumerate(found))
