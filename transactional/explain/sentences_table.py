"""The sentence of every decision, by its step and code; a step's own sentence where a code has none."""

from django.utils.translation import gettext_lazy as _

SENTENCES = {
    # The policy, at the door: each check by its name
    ("policy", "credential_is_alive"): _("The key or token that sent it was valid."),
    ("policy", "account_may_send"): _("The account may send this kind of mail."),
    ("policy", "from_domain_is_verified"): _("The From address is the account’s own."),
    ("policy", "nobody_elses_address"): _(
        "Return-path and Reply-To are on no other account’s domain."
    ),
    ("policy", "mail_aligns"): _("DMARC does not tell receivers to stop it."),
    ("policy", "an_ip_is_ready"): _("An IP for this kind of mail was ready."),
    ("policy", "recipients_may_be_mailed"): _("At least one recipient was not suppressed."),
    ("policy", "consent_obeyed"): _("The contact has not unsubscribed and is not quarantined."),
    ("policy", "consent_ignored"): _(
        "Transactional: subscriptions, quarantine and double opt-in were not asked."
    ),
    ("policy", "not_noted"): _(
        "It was accepted. Which checks it passed is not noted with it; these are the ones that every "
        "message passes today:"
    ),
    ("policy", ""): _("One more check was passed."),
    ("policy", "refused"): _("Refused: %(message)s"),
    ("policy", "suppressed"): _("Not sent to this address: it is suppressed (%(reason)s)."),
    ("policy", "barred"): _(
        "It had waited, so it was asked again whether it may be sent. It was not sent: %(barred)s."
    ),
    ("policy", "barred_since"): _(
        "It had waited, so it was asked again whether it may be sent. It was not sent: %(barred)s (on the "
        "list since %(since)s)."
    ),
    # Where it goes
    ("route", "mx"): _("DNS names %(hosts)s for this domain’s mail."),
    ("route", "address"): _("The domain has no MX record; mail goes to its own address."),
    ("route", "relay"): _("It goes through the relay %(host)s, port %(port)s."),
    ("route", "relay_without_address"): _("The relay %(host)s has no address."),
    ("route", "host_down"): _(
        "%(host)s (%(address)s) had taken no connection: the other hosts went first until %(until)s. %(why)s"
    ),
    ("route", "null_mx"): _("The domain says that it takes no mail."),
    ("route", "no_domain"): _("The domain does not exist."),
    ("route", "no_mail_server"): _("The domain has no mail server."),
    ("route", "dns"): _("DNS did not answer for the domain (%(status)s)."),
    ("route", "mx_literal"): _("The domain’s MX records name IP addresses, which is not allowed."),
    ("route", "own_host"): _("The domain’s mail server %(own)s is this installation: a loop."),
    ("route", "private_address"): _("The domain’s mail servers have private or local addresses."),
    ("route", "no_address"): _("The domain’s mail servers have no addresses."),
    # From which IP
    ("source", "only"): _("It leaves from %(address)s, the only IP of its pool."),
    ("source", "weighted"): _(
        "It leaves from %(address)s, drawn by weight and health (%(shares)s)."
    ),
    ("source", "kept"): _(
        "It leaves from %(address)s, as the try before: a receiver that greylists knows it by that."
    ),
    ("source", "spilled"): _(
        "It leaves from %(address)s: of the pool’s IPs, %(used_up)s used up the budget of the day."
    ),
    ("source", "urgent"): _(
        "It leaves from %(address)s beyond its budget of the day, since it cannot wait."
    ),
    ("source", "no_source"): _("No IP of its stream was ready: %(why)s."),
    ("source", "no_source_of_these"): _("No IP of its stream’s pool was ready."),
    ("source", "no_family"): _("No IP of its pool speaks the receiver’s protocol family."),
    ("source", "no_budget"): _("Each IP that fits has used up its budget of the day."),
    ("source", "marketing_on_dedicated"): _(
        "Its pool holds dedicated IPs alone, from which marketing mail never leaves."
    ),
    # Why not from another one
    ("passed", "not_drawn"): _(
        "Could have taken it; the draw fell on another (its share: %(percent)s %%)."
    ),
    ("passed", "not_kept"): _("Could have taken it, but a retry keeps the IP of the try before."),
    ("passed", "used_up"): _("Has used up its budget of the day for this provider."),
    ("passed", "other_family"): _("Does not speak the IP version of the receiver’s address."),
    ("passed", "marketing_on_dedicated"): _("Is dedicated: marketing mail never leaves from it."),
    ("passed", "complaint_pause"): _(
        "Marketing mail from it is paused: %(complaints)s of %(delivered)s messages were reported as spam "
        "(%(percent)s %%)."
    ),
    ("passed", "paused"): _("Was paused by a person."),
    ("passed", "blocklisted"): _("Is on a blocklist (%(lists)s)."),
    ("passed", "waits_for_dns"): _("Waits for DNS: %(finding)s"),
    ("passed", "not_checked"): _("Has not been checked yet."),
    ("passed", "no_share"): _("Is ready, but the pool gives it no share."),
    ("passed", "other_machine"): _("Is on another machine (%(host)s)."),
    ("passed", "machine_silent"): _("Is on a machine that does not report (%(host)s)."),
    ("passed", "not_on_machine"): _("Is not on the machine that sent this (%(host)s)."),
    ("passed", "incident"): _("An incident between it and the receiver was open."),
    ("passed", "site_down"): _("The receiver had not answered it several times in a row."),
    ("passed", "receiver_throttles"): _("The receiver had asked it to slow down."),
    ("passed", "rate"): _("Had used up its pace (%(per_minute)s messages a minute)."),
    ("passed", "connections"): _(
        "All its %(connections)s connections to the receiver were in use."
    ),
    ("passed", "rule"): _("The rule “%(rule)s” kept it from this receiver for a while."),
    ("passed", ""): _("Was left out for another reason."),
    # When it may
    ("shaping", "waited"): _("It had waited in the queue for %(why)s."),
    ("shaping", "rate"): _("The pace for this receiver is %(per_minute)s messages a minute."),
    ("shaping", "connections"): _("All %(connections)s connections for this receiver were in use."),
    ("shaping", "site_busy"): _("All %(connections)s connections to the receiver were in use."),
    ("shaping", "site_down"): _(
        "The receiver did not answer several times in a row: left alone for %(seconds)s seconds."
    ),
    ("shaping", "slowed"): _(
        "The receiver asked for less: from %(from)s to %(to)s messages a minute (%(because)s)."
    ),
    ("shaping", "rule_suspend"): _(
        "The rule “%(rule)s” stops mail to this receiver for %(seconds)s seconds."
    ),
    ("shaping", "rule_connections"): _(
        "The rule “%(rule)s” allows %(value)s connections for %(seconds)s seconds."
    ),
    ("shaping", "rule_rate"): _(
        "The rule “%(rule)s” allows %(value)s messages a minute for %(seconds)s seconds."
    ),
    ("shaping", "incident"): _("An incident with this receiver was open: its mail was parked."),
    ("shaping", "domain_complaints"): _(
        "Marketing mail from %(domain)s is paused: of %(delivered)s messages delivered since %(day)s, "
        "%(complaints)s were reported as spam (%(percent)s %%, and %(limit)s %% is the limit). It leaves "
        "once the rate has fallen, or an owner answers for it."
    ),
    ("shaping", "ip_complaints"): _(
        "Every IP that marketing mail leaves from is paused, since too much of it was reported as spam. "
        "It leaves once a rate has fallen, or an operator answers for it."
    ),
    ("shaping", ""): _("Held back for a while."),
    # Under which TLS
    ("tls", "opportunistic"): _("%(host)s: TLS if it is offered."),
    ("tls", "stream"): _("%(host)s: TLS is required by the stream."),
    ("tls", "provider"): _("%(host)s: TLS is required for %(provider)s."),
    ("tls", "operator"): _("%(host)s: the certificate must be valid, the operator says."),
    ("tls", "smarthost"): _("%(host)s: TLS as the smarthost’s settings say."),
    ("tls", "mta_sts"): _("%(host)s: the domain’s MTA-STS policy wants a valid certificate."),
    ("tls", "mta_sts_testing"): _("%(host)s: the domain’s MTA-STS policy is in testing."),
    ("tls", "mta_sts_host"): _("%(host)s: the domain’s MTA-STS policy does not name this host."),
    ("tls", "mta_sts_would_refuse"): _(
        "%(host)s: the policy in testing would have refused this connection (%(result)s)."
    ),
    ("tls", "dane"): _("%(host)s: DNSSEC names its certificate (DANE)."),
    ("tls", "dane_unusable"): _("%(host)s: TLS is required; its DANE records cannot be used."),
    ("tls", "dane_lookup"): _("%(host)s: its DANE records could not be looked up: no mail there."),
    # What it was built of
    ("build", "poison"): _(
        "Held: %(crashes)s delivery processes ended while they built this message."
    ),
    # What was answered
    ("answer", "recalled"): _(
        "%(host)s had answered when our delivery process ended; its journal kept the answer."
    ),
    # What comes next
    ("retry", "expired"): _("Its time was up after %(tries)s tries."),
    ("retry", "greylisted"): _("The receiver greylists: the next try comes soon (%(due)s)."),
    ("retry", "throttled"): _("The receiver throttles: the next try comes at %(due)s."),
    ("retry", "mailbox_full"): _("The mailbox is full: the next try comes at %(due)s."),
    ("retry", "dns"): _("DNS is asked again at %(due)s."),
    ("retry", "connection"): _("The connection failed: the next try comes at %(due)s."),
    ("retry", "in_doubt"): _(
        "The connection ended after the final dot, before the answer: it may have arrived. It is "
        "sent again, marked, at %(due)s (copies in doubt: %(copies)s)."
    ),
    ("retry", "in_doubt_held"): _(
        "The connection ended after the final dot, before the answer: it may have arrived, and is "
        "not sent again by itself (copies in doubt: %(copies)s)."
    ),
    ("retry", "temporary"): _("The receiver could not take it now: the next try comes at %(due)s."),
    ("retry", "policy_block"): _(
        "The server did not want to speak with us: the next try comes at %(due)s."
    ),
    ("retry", "permanent"): _(
        "The server refused the conversation, not the recipient: the next try comes at %(due)s."
    ),
    ("retry", "bad_recipient"): _(
        "The server refused before the recipient was named: the next try comes at %(due)s."
    ),
    ("retry", "over"): _("A report had ended it meanwhile: nothing more was tried."),
    ("retry", "ok"): _("Put off: the next try comes at %(due)s."),
    ("retry", ""): _("Put off: the next try comes at %(due)s."),
    # Incidents and other ways out
    ("incident", "opened"): _(
        "Its refusal opened an incident: mail from this IP to the receiver is parked."
    ),
    ("incident", "refused_again"): _(
        "Refused with the answer of the incident again: it goes on, or begins anew."
    ),
    ("incident", "canary_unsure"): _(
        "It was the one message that tried during an incident, and the answer does not say that mail is "
        "taken again: the rest stays parked."
    ),
    ("incident", "canary_taken"): _(
        "It was the one message that tried during an incident, and it was taken: the rest follows."
    ),
    ("incident", ""): _("Part of an incident with this receiver."),
    ("fallback", "direct_way_shut"): _(
        "The direct way was shut for %(wait)s more seconds (%(because)s): it went through the stream’s "
        "smarthost."
    ),
    ("fallback", "direct_way_dead"): _(
        "Nobody answered at the receiver, also %(tries)s times to this message: it went through the "
        "stream’s smarthost."
    ),
    ("fallback", "deadline_near"): _(
        "Its deadline was near after %(tries)s tries: it went through the stream’s smarthost."
    ),
    ("fallback", "no_turn_in_time"): _(
        "Its deadline was %(left)s seconds away, and the direct way had no room for it before "
        "(%(because)s): it went through the stream’s smarthost."
    ),
    ("fallback", ""): _("It went through the stream’s smarthost."),
    ("smarthost", "too_large"): _(
        "The message is larger than the stream’s smarthost takes. The receiver itself may take it: it "
        "waits for the direct way, and does not go through this smarthost again."
    ),
    ("smarthost", "no_utf8"): _(
        "The stream’s smarthost does not carry mail with UTF-8 addresses or headers (SMTPUTF8). The "
        "receiver itself may take it: it waits for the direct way, and does not go through this smarthost "
        "again."
    ),
    ("smarthost", "passed_over"): _(
        "The stream’s smarthost was passed over: a try before has shown that it cannot carry this message."
    ),
}
