"""The only place that holds the sentences of findings: code → what is wrong and what to do.

They are made when they are shown, in the reader's language; a row keeps code and parameters.
"""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

SENTENCES: dict[str, Promise] = {
    # Any record
    "timeout": _("The name servers of %(host)s do not answer. We keep asking."),
    "servfail": _(
        "The name servers of %(host)s answer with an error (SERVFAIL). Look at the domain's "
        "delegation and DNSSEC at your DNS provider."
    ),
    "missing": _("Add this %(type)s record at your DNS provider. Nothing is published there yet."),
    "suffix_doubled": _(
        "The record is at %(host)s with the domain added once more. Your DNS form adds the domain "
        "by itself: enter only %(short)s as the host."
    ),
    "cname_instead": _(
        "%(host)s is a CNAME to %(alias)s, which has no such record. Delete the CNAME and add the "
        "%(type)s record."
    ),
    "quotes_included": _(
        "The value holds quotation marks. Remove them: your DNS form adds its own."
    ),
    "pasted_twice": _(
        "The value was pasted twice. Delete everything in the field and paste it once."
    ),
    "lame": _(
        "The domain's name servers %(servers)s do not answer for %(host)s, though the domain is "
        "delegated to them. Correct the name servers at your registrar or DNS provider."
    ),
    "dnssec": _(
        "The DNSSEC signatures of %(host)s do not hold, so resolvers discard the answer. Correct "
        "the DS record at your registrar, or sign the zone anew."
    ),
    "alias_loop": _("The CNAME records of %(host)s lead in a circle, or on and on. Delete them."),
    "stale": _(
        "The record is right at your name servers. Resolvers may keep the old answer for up to "
        "%(minutes)s more minutes; there is nothing to do but wait."
    ),
    "wrong_place": _(
        "The record is at %(place)s, where nobody looks. Enter %(short)s as the host."
    ),
    "alias_dangling": _(
        "%(host)s is a CNAME to %(alias)s, which does not exist. Delete the CNAME and add the "
        "%(type)s record."
    ),
    "cname_beside": _(
        "%(host)s has a CNAME to %(alias)s beside this record, which DNS forbids: some receivers "
        "see only one of them. Delete the CNAME."
    ),
    "ours_awaits": _(
        "Our own DNS answers this as soon as it is led to. There is nothing to publish here."
    ),
    "ours_lags": _(
        "Our own DNS answers for %(target)s, and what resolvers see of it is not up to date. There "
        "is nothing to do but wait; if it stays so, tell whoever runs this installation."
    ),
    "direct": _(
        "The value itself is published here. That works until the keys or IPs change: let it be a "
        "CNAME to %(wanted)s, which follows by itself."
    ),
    "other_instead": _(
        "%(host)s has a %(kind)s record of its own. Delete it and add the CNAME to %(wanted)s."
    ),
    "more_ns": _(
        "Other name servers (%(hosts)s) are listed beside %(wanted)s. Delete them: what they do not "
        "know, receivers do not find."
    ),
    "ns_suffix": _(
        "The NS record leads to %(hosts)s: your DNS form added the domain. Enter %(wanted)s. with a "
        "dot at its end."
    ),
    "wrong_ns": _("%(host)s is delegated to %(hosts)s. Delegate it to %(wanted)s."),
    "wildcard": _(
        "This is the answer of a wildcard record, *.%(parent)s. Add the record shown here; it "
        "takes precedence."
    ),
    "split_wrong": _(
        "The value was split into quoted strings, and the quotation marks became part of it. "
        "Paste it without any; your DNS form splits it by itself."
    ),
    "backslashes": _("The value holds backslashes. Paste it again as shown, without them."),
    "odd_characters": _(
        "The value holds typographic or invisible characters, as word processors insert them. "
        "Copy it from here directly."
    ),
    "case_changed": _(
        "Capital and small letters of the value were changed. They count: paste it as shown."
    ),
    "extra_text": _(
        "Other text stands in front of the value. The field takes only the value shown here."
    ),
    "value_of_other": _(
        "This is the value that belongs to %(other)s. Put the value shown here in its place."
    ),
    # DKIM
    "delegated": _(
        "The names below _domainkey are delegated to %(servers)s. Publish this record there."
    ),
    "split_in_records": _(
        "The value was spread over several TXT records. Put it into one: receivers read records "
        "in any order."
    ),
    "no_p": _("The key itself is missing (p=). Replace the value by the one shown here."),
    "bad_key": _("The published key cannot be read. Replace the value by the one shown here."),
    "short_key": _(
        "A key of only %(bits)s bits is published here; large receivers refuse it. Replace the "
        "value by the one shown here."
    ),
    "no_sha256": _(
        "The tag h= forbids SHA-256, which signatures need. Paste the value again as shown."
    ),
    "not_for_mail": _(
        "The tag s= says that the key is not for email. Paste the value again as shown."
    ),
    "several_records": _(
        "%(host)s has %(count)s TXT records; receivers may read the wrong one. Keep only the one "
        "with the value shown here."
    ),
    "wrong_version": _("The value must start with v=DKIM1. Paste it again as shown."),
    "wrong_key_type": _("The key's type must be k=%(wanted)s. Paste the value again as shown."),
    "not_a_key": _("The value is not a DKIM key. Replace it by the value shown here."),
    "revoked": _("The key is revoked here (p= is empty). Replace the value by the one shown here."),
    "cut_off": _(
        "The key is cut off. Paste the whole value; if your DNS form takes 255 characters, split "
        "it into two quoted strings of one record."
    ),
    "other_key": _(
        "Another key is published at this selector. Replace it by the value shown here."
    ),
    # SPF
    "two_spf": _(
        "%(host)s has %(count)s SPF records, so receivers ignore all of them (RFC 7208). Keep one."
    ),
    "no_spf": _(
        "There is a TXT record, but none that starts with v=spf1. Add the value shown here."
    ),
    "open_spf": _(
        "This SPF record lets every computer send in your name. Remove what allows that, and end "
        "it with -all."
    ),
    "ip_not_covered": _(
        "Receivers do not let %(addresses)s pass by this SPF record. Use the value shown here."
    ),
    "ip_waits": _("Replace it by the value shown here, so that %(addresses)s can be used."),
    "too_many_lookups": _(
        "This SPF record makes receivers ask DNS more than 10 times, which they refuse (RFC 7208). "
        "Use the value shown here, or remove some of include, a, mx, ptr and exists."
    ),
    "too_many_hosts": _(
        "An mx term of this SPF record leads to more than 10 mail servers, which receivers refuse "
        "(RFC 7208). Use the value shown here."
    ),
    "void_lookups": _(
        "This SPF record leads to more than two names that do not exist or have no such record; "
        "the last is %(term)s. Receivers refuse it (RFC 7208). Remove those terms."
    ),
    "include_missing": _(
        "The SPF record has %(term)s, and no SPF record is there. Remove that term or correct its "
        "name."
    ),
    "redirect_missing": _(
        "The SPF record redirects to %(term)s, and no SPF record is there. Use the value shown "
        "here."
    ),
    "two_spf_below": _(
        "A name that this SPF record includes or redirects to has several SPF records, so "
        "receivers refuse it. Remove that term, or have one record kept there."
    ),
    "spf_loop": _("The SPF record includes itself (%(term)s). Remove that term."),
    "spf_syntax": _(
        "Receivers cannot read the SPF record at “%(term)s” (%(problem)s). Use the value shown "
        "here."
    ),
    "spf_unanswered": _(
        "A name that the SPF record leads to is not answered for (%(problem)s). We keep asking."
    ),
    "spf_version": _(
        "The record is not of the version that receivers read. It must start with v=spf1 and a "
        "blank: use the value shown here."
    ),
    # DMARC
    "dmarc_version": _("DMARC1 must be written in capital letters. Paste the value as shown."),
    "dmarc_no_policy": _(
        "The DMARC record has no policy. Add p=none, p=quarantine or p=reject behind v=DMARC1."
    ),
    "dmarc_sp": _("The DMARC policy for subdomains must be sp=none, sp=quarantine or sp=reject."),
    "two_dmarc": _("There are several DMARC records, so receivers ignore all of them. Keep one."),
    "dmarc_syntax": _(
        "The DMARC record cannot be read: it must be v=DMARC1 and then tags like p=none, each "
        "once, separated by semicolons."
    ),
    "dmarc_policy": _("The DMARC policy must be p=none, p=quarantine or p=reject."),
    "not_dmarc": _("The record does not start with v=DMARC1. Replace it by the value shown here."),
    "inherited": _("The policy of %(above)s covers this domain."),
    # Reports about TLS
    "two_tls_reports": _(
        "There are several TLS reporting records, so senders ignore all of them. Keep one."
    ),
    "not_tls_reports": _(
        "The record does not start with v=TLSRPTv1 and name an address behind rua=. Replace it by "
        "the value shown here."
    ),
    # Return path
    "wrong_mx": _("Mail for %(host)s goes to %(hosts)s; it must go to %(wanted)s."),
    "more_mx": _(
        "Other mail servers are listed beside %(wanted)s. Delete them: bounces would get lost."
    ),
    "mx_missing": _(
        "Add this MX record at your DNS provider: without it, mail that comes back is lost."
    ),
    "null_mx": _(
        "The MX record of %(host)s says that it takes no mail. Replace it: mail that comes back "
        "must go to %(wanted)s."
    ),
    "mx_suffix": _(
        "The MX record leads to %(hosts)s: your DNS form added the domain to the mail server. "
        "Enter %(wanted)s. with a dot at its end."
    ),
    "mx_is_address": _(
        "The MX record holds an IP address (%(hosts)s), which is not allowed. Enter %(wanted)s."
    ),
    "mx_alias": _(
        "The MX record leads to %(hosts)s, which is only a CNAME to %(wanted)s. An MX must not "
        "lead to an alias (RFC 2181): enter %(wanted)s itself."
    ),
    # Tracking
    "proxied": _(
        "%(host)s leads to addresses instead of a name. If your DNS provider offers to proxy it, "
        "switch that off, and let it be a CNAME to %(wanted)s."
    ),
    "cname_suffix": _(
        "%(host)s leads to %(hosts)s: your DNS form added the domain. Enter %(wanted)s. with a "
        "dot at its end."
    ),
    "wrong_cname": _("%(host)s leads to %(hosts)s. Let it lead to %(wanted)s."),
    "no_https": _("Links keep the platform's host until https://%(host)s works: %(error)s"),
    "other_server": _(
        "https://%(host)s answers, but not with this installation. Links keep the platform's host "
        "until it leads here."
    ),
    # IPs
    "private": _(
        "%(host)s is a private or local address: no mail leaves from it. Use a public one."
    ),
    "no_ptr": _(
        "%(address)s has no reverse record (PTR). Ask whoever gave you the IP to set it to "
        "%(name)s."
    ),
    "awaits_ptr": _("This is looked at once the reverse record exists."),
    "not_confirmed": _(
        "The reverse record says %(name)s, but that name does not lead back to %(address)s. Add an "
        "%(type)s record for it."
    ),
    "ehlo_unresolved": _("%(host)s has no address. Add an %(type)s record with %(address)s."),
    "ehlo_elsewhere": _("%(host)s leads to %(hosts)s; it must lead to %(address)s."),
    "generic_name": _(
        "%(host)s is made from the numbers of the IP, as names of dial-up lines are; many "
        "receivers refuse those. Choose a name like mail.example.com."
    ),
    "not_bindable": _("This host does not have %(host)s. Add it to a network interface here."),
    "not_on_host": _(
        "The worker host %(name)s does not have %(host)s. Add it to one of its network interfaces."
    ),
    "host_silent": _(
        "The worker host %(name)s, which has %(host)s, has not reported for a minute. Start its "
        "workers, or correct the IP's host."
    ),
    "host_unasked": _("The worker hosts have not looked for %(host)s yet; they soon will."),
    "bind_refused": _("This host cannot send from %(host)s: %(error)s."),
    "listed": _("Listed by %(lists)s. No mail leaves from this IP until they have cleared it."),
    "complaints": _(
        "%(complaints)s of %(delivered)s messages were reported as spam (%(percent)s per cent): no marketing "
        "mail leaves from this IP until that has fallen, or an operator answers for it."
    ),
    "complaints_fell": _("The rate of spam reports has fallen below the limit."),
    "complaints_answered": _("A person has let marketing mail go on, and answers for it."),
    "refused_unauthenticated": _(
        "%(host)s refuses mail from this domain as not authenticated: “%(reply)s”"
    ),
    "spf_not_covered": _(
        "The SPF record of %(host)s does not let %(address)s pass: its domain's page shows how."
    ),
}


class _Given(dict[str, str]):
    """Parameters; one that an older row lacks is empty instead of an error."""

    def __missing__(self, key: str) -> str:
        return ""


def tell(code: str, params: Mapping[str, str]) -> str:
    """The sentence of a finding in the language of now; empty for what needs none."""
    text = SENTENCES.get(code)
    return "" if text is None else str(text) % _Given(params)
