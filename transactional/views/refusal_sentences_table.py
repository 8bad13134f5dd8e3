"""The sentences with which the pipeline refuses, as catalogue keys; and, per code, what to do then.

A sentence here is word for word what the core says, its data as %(name)s: a house test compares.
"""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

N = gettext_noop
SENTENCES: tuple[str, ...] = (
    N("Marketing email needs your postal address at its end."),
    N(
        "%(address)s is on a domain of another account: have the address confirmed on the domains page, "
        "or use one of your own."
    ),
    N("This account publishes only what has been approved: ask for approval."),
    N("This account sends only what has been approved; this email is a draft."),
    N("Another version is being rolled out: finish it or roll it back first."),
    N("Another version is being rolled out."),
    N("A roll-out begins with 5 or 25 per cent."),
    N("Nothing is published yet: publish to everybody."),
    N("The draft is what is published already."),
    N("This roll-out has ended."),
    N("This draft waits for approval already."),
    N("Somebody else has to approve what you asked for."),
    N("This request is not open any more."),
    N("The draft was edited: ask again."),
    N("This credential has been deleted or has expired."),
    N("This account does not exist any more."),
    N(
        "Transactional sending is not switched on for this account; ask whoever runs this "
        "installation."
    ),
    N(
        "The domain %(domain)s is connected but its DNS is not verified yet; its page lists what "
        "is missing."
    ),
    N("%(address)s is not on a domain that this account has connected."),
    N("%(address)s is not confirmed yet: the link that was mailed to it waits to be opened."),
    N(
        "%(address)s is confirmed for answers, and mail submitted over SMTP is never rewritten: "
        "put %(other)s into From and %(again)s into Reply-To."
    ),
    N(
        "Receivers would stop this mail: the DMARC policy of %(domain)s is %(policy)s, and neither "
        "its DKIM nor its SPF record is right now; the domain's page says what to correct."
    ),
    N("No dedicated IP of this account is ready: %(reason)s."),
    N("No shared IP is ready for marketing mail."),
    N("%(address)s is suppressed: an earlier message bounced for good."),
    N("%(address)s is suppressed: earlier messages bounced repeatedly."),
    N("%(address)s is suppressed: its reader reported an earlier one as spam."),
    N("%(address)s is suppressed: it was added to the list by hand."),
    N("%(address)s has unsubscribed from this type of mail."),
    N("%(address)s has unsubscribed."),
    N("%(address)s is quarantined."),
    N("%(address)s has not confirmed the double opt-in."),
    N("There is no such email to send."),
    N("At most %(count)s copies."),
    N("This message goes round in circles."),
    N("A recipient is empty."),
    N("%(local)s@ is a role address, which never asked for mail."),
    N("The custom properties are too large."),
    N("The properties hold text that is not valid Unicode."),
    N("The template uses properties that were not sent: %(names)s."),
    N("The properties do not keep the email's contract. %(told)s"),
    N("The rendered email is too long."),
    N("The template does too much: its filters read or write too much text."),
    N("The template does too much: a loop or an expression runs away."),
    N("The template cannot be rendered. Line %(line)s: %(reason)s"),
    N("The template cannot be rendered. %(reason)s"),
    N("Write a subject and a body before publishing."),
    N("Choose the address this email comes from."),
    N("Marketing email needs an unsubscribe link: put {{ unsubscribe_link }} into it."),
)

REMEDIES: Mapping[str, Promise] = {
    "PORTAL_AUTHENTICATION_FAILURE": _("Make a new API key and put it into your program."),
    "PORTAL_NOT_AUTHORIZED_FOR_APPLICATION": _("Whoever runs this installation switches it on."),
    "UNCONFIGURED_SENDING_DOMAIN": _("Publish the records that the domain’s page lists."),
    "INVALID_FROM_ADDRESS": _("Use a From address on a domain you have connected and verified."),
    "DMARC_WOULD_FAIL": _("Correct the record that the domain’s page names."),
    "NO_READY_IP": _("Look at your IPs: the page of each says what it waits for. Then try again."),
    "PREVIOUSLY_BOUNCED": _("If the address works again, take it off the suppression list."),
    "PREVIOUS_SPAM": _("The reader asked not to be written to; leave it at that."),
    "BLOCKED_ADDRESS": _(
        "Somebody put the address onto the suppression list; it can be taken off."
    ),
    "PREVIOUSLY_UNSUBSCRIBED_PORTAL": _("Only the person can subscribe again."),
    "PREVIOUSLY_UNSUBSCRIBED_MESSAGE": _("Only the person can subscribe again."),
    "QUARANTINED_ADDRESS": _("Release the contact from quarantine, if you know why it is there."),
    "EMAIL_UNCONFIRMED": _("The person has to follow the link of the confirmation first."),
    "MISSING_CONTENT": _("Check emailId, and that the email is not archived."),
    "INVALID_TO_ADDRESS": _("Correct the address in message.to."),
    "MISSING_TEMPLATE_PROPERTIES": _("Send each of them in customProperties, or make it optional."),
    "TEMPLATE_RENDER_EXCEPTION": _("Correct the template, then publish it again."),
    "HUBL_LIMIT_EXCEEDED": _("Make the template or its data smaller."),
    "VALIDATION_FAILED": _("Correct the value that is named."),
    "TOO_MANY_RECIPIENTS": _("Send to each of them on their own."),
    "IDEMPOTENT_IGNORE": _("This sendId was used before. Use a new one for every new event."),
}
