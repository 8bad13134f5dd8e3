"""What the codes of the audit log mean: one line per act, in the words of its page.

`%(name)s` is the target's name; the entry's data may be named too. A code that is not listed is
shown as it is.
"""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# Groups of acts, by what their codes begin with: the filter of the page
GROUPS: Mapping[str, str | Promise] = {
    "": _("Everything"),
    "email.": _("Emails"),
    "approval.": _("Approvals"),
    "rollout.": _("Roll-outs"),
    "send.": _("Sends"),
    "settings.": _("Settings"),
    "sender.": _("From addresses"),
    "domain.": _("Domains"),
    "incident.": _("Incidents"),
    "held.": _("Held mail"),
    "stream.": _("Streams"),
    "smarthost.": _("Smarthosts"),
    "webhook.": _("Webhooks"),
    "suppressions.": _("Suppressions"),
    "credential.": _("Keys and tokens"),
}

SENTENCES: Mapping[str, str | Promise] = {
    "email.published": _("Published version %(version)s of “%(name)s”"),
    "email.cloned": _("Copied an email to “%(name)s”"),
    "email.restored": _("Restored version %(version)s of “%(name)s” to its draft"),
    "email.archived": _("Archived “%(name)s”"),
    "email.brought_back": _("Brought “%(name)s” back from the archive"),
    "email.moved": _("Moved “%(name)s” to the folder “%(folder)s”"),
    "approval.requested": _("Asked to publish version %(version)s of “%(name)s”"),
    "approval.approved": _("Approved version %(version)s of “%(name)s”"),
    "approval.declined": _("Declined version %(version)s of “%(name)s”"),
    "approval.recalled": _("Recalled the request to publish version %(version)s of “%(name)s”"),
    "approval.voided": _("The request for version %(version)s of “%(name)s” ended: it was edited"),
    "domain.connected": _("Connected the domain %(name)s"),
    "domain.disconnected": _("Disconnected the domain %(name)s"),
    "domain.rotation_asked": _("Asked to rotate the DKIM keys of %(name)s"),
    "domain.keys_rotated": _("Rotated a DKIM key of %(name)s: %(selector)s signs now"),
    "domain.key_imported": _("Imported the DKIM key %(selector)s of %(name)s"),
    "domain.schedule_changed": _("Changed whether the DKIM keys of %(name)s rotate by schedule"),
    "domain.mode_changed": _("Changed who publishes the DNS records of %(name)s: %(mode)s"),
    "domain.marketing_paused": _(
        "Paused marketing mail from %(name)s: %(complaints)s of %(delivered)s messages were reported as spam "
        "(%(percent)s %%)"
    ),
    "domain.marketing_resumed": _(
        "Let marketing mail from %(name)s go on: its rate of spam reports has fallen"
    ),
    "domain.marketing_lifted": _(
        "Let marketing mail from %(name)s go on, and answers for it: %(complaints)s of %(delivered)s "
        "messages had been reported as spam (%(percent)s %%)"
    ),
    "rollout.started": _("Began to roll out version %(version)s of “%(name)s” at %(share)s %%"),
    "rollout.advanced": _("Rolled version %(version)s of “%(name)s” out to %(share)s %%"),
    "rollout.held": _("Held the roll-out of version %(version)s of “%(name)s”"),
    "rollout.resumed": _("Resumed the roll-out of version %(version)s of “%(name)s”"),
    "rollout.finished": _("Finished the roll-out of version %(version)s of “%(name)s”"),
    "rollout.rolled_back": _("Rolled version %(version)s of “%(name)s” back"),
    "sender.asked": _("Asked %(name)s to confirm itself as a From address"),
    "sender.confirmed": _("%(name)s confirmed itself as a From address"),
    "sender.removed": _("Removed the From address %(name)s"),
    "send.started": _("Sent “%(name)s” to %(total)s recipients"),
    "send.scheduled": _("Scheduled “%(name)s”"),
    "send.paused": _("Paused the send of “%(name)s”"),
    "send.resumed": _("Let the send of “%(name)s” go on"),
    "send.cancelled": _("Cancelled the send of “%(name)s”"),
    "incident.opened": _("%(name)s refused mail alike, again and again: it was parked"),
    "suppressions.undone": _("Took %(lifted)s suppressed addresses off the list"),
    "credential.guessed": _(
        "Somebody tried wrong secrets for %(name)s, %(failures)s times within a quarter of an hour, "
        "last from %(host)s"
    ),
    "incident.closed": _("The incident with %(name)s is over"),
    "incident.undone": _(
        "Undid the incident with %(name)s: %(requeued)s messages sent again, %(lifted)s "
        "suppressions lifted"
    ),
    "held.released": _("Sent %(number)s held messages again. %(name)s"),
    "held.suppressed": _(
        "Wanted to send %(number)s held messages again whose addresses are suppressed by now. %(name)s"
    ),
    "held.given_up": _("Gave up %(number)s held messages. %(name)s"),
    "webhook.created": _("Made the webhook “%(name)s”"),
    "webhook.changed": _("Changed the webhook “%(name)s”: %(changed)s"),
    "webhook.rotated": _("Rotated the secret of the webhook “%(name)s”"),
    "webhook.paused": _("Paused the webhook “%(name)s”"),
    "webhook.resumed": _("Resumed the webhook “%(name)s”"),
    "webhook.tested": _("Sent a test event to the webhook “%(name)s”"),
    "webhook.replayed": _("Sent %(number)s events to the webhook “%(name)s” again"),
    "webhook.replayed_since": _("Asked to send events to the webhook “%(name)s” again"),
    "webhook.disabled": _("Switched the webhook “%(name)s” off: it took nothing for days"),
    "webhook.deleted": _("Deleted the webhook “%(name)s”"),
    "stream.changed": _("Changed the stream “%(name)s”: %(changed)s"),
    "smarthost.created": _("Made the smarthost “%(name)s”"),
    "smarthost.changed": _("Changed the smarthost “%(name)s”: %(changed)s"),
    "smarthost.deleted": _("Deleted the smarthost “%(name)s”"),
    "settings.changed": _("Changed the account's settings: %(changed)s"),
}
