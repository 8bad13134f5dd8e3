"""What receivers write, and what they mean by it: the only table from words to reasons.

The words are those of `judge.plain`: lower case, one space between words, no quotes, every
address an @, no host names. Order decides: the first reason with a phrase in the text is the
reason. Phrases stand between bars.
"""

import re
from collections.abc import Sequence

from transactional.classify.reasons import Reason

Phrases = tuple[Reason, tuple[str, ...]]


def _said(text: str) -> tuple[str, ...]:
    return tuple(" ".join(one.split()) for one in text.split("|"))


#: About us or our content. They outweigh all that follows but a plain "no such user" with 5.1.1.
AGAINST_SENDER: Sequence[Phrases] = (
    (
        Reason.VIRUS_DETECTED,
        _said("""
        virus detected | virus found | viruses | contains a virus | contained a virus |
        contains virus | infected | malware | trojan | suspicious attachment
        """),
    ),
    (
        Reason.REQUIRE_PTR,
        _said("""
        ptr record | ptr resource | no ptr | a ptr | reverse dns | rdns | reverse lookup |
        reverse hostname | reverse mapping | cannot find your hostname |
        cannot resolve your address | ip name lookup failed | ip address does not resolve |
        no reverse | unresolvable client | domain name required
        """),
    ),
    (
        Reason.AUTH_FAILURE,
        _said("""
        dmarc | dkim | sender policy framework | spf check | spf fail | spf record |
        spf validation | spf: | spf softfail | spf hard | fails spf | failed spf | violates spf |
        not authorized by spf | spf policy | isnt aligned | not aligned | alignment | unauthenticated email | unauthenticated mail |
        email is unauthenticated | sender is unauthenticated | authentication results
        """),
    ),
    (
        Reason.BAD_REPUTATION,
        _said("""
        reputation | senderscore | sender score | bad history | score too low
        """),
    ),
    (
        Reason.FAILED_STARTTLS,
        _said("""
        must issue a starttls | starttls first | starttls is required | starttls required |
        tls required | tls is required | encryption required | requires tls | requires encryption |
        tls negotiation | starttls failed | tls handshake
        """),
    ),
    (
        Reason.NO_RELAYING,
        _said("""
        relaying denied | relay denied | relay access | relaying is | relaying not |
        relaying prohibited | relay not permitted | relay not allowed | relay prohibited |
        relay is not | relaying to | unable to relay | not relay | cannot relay | cant relay |
        relay for | open relay | we do not relay | dont relay | relaying mail | rcpthosts | not a gateway |
        not permitted to relay | insecure mail relay | as a relay
        """),
    ),
    (
        Reason.REJECTED,
        _said("""
        sender address rejected | not accept delivery | sender rejected | sender denied | sender refused | sender verify |
        sender verification | sender not | sender domain | sender address | senders address |
        senders domain | domain of sender | invalid sender | bad sender | unknown sender |
        unverified sender | spoofed | forged | return address | envelope sender | envelope from |
        from address | mail from @ denied | mail from @ rejected | backscatter | null sender |
        null reverse | empty sender | email rejected per
        """),
    ),
    (
        Reason.BLOCKED,
        _said("""
        blacklist | black list | block list | blocklist | blocked list | denylist | dnsbl |
        dns rbl | in rbl | by rbl | an rbl | rbl: | (rbl | listed at | listed by | listed on |
        is listed | spamhaus | spamcop | sorbs | barracuda | senderbase | client host rejected |
        client host blocked | client host [ | helo command rejected | helo does not | security policy | security policies | helo rejected |
        ehlo rejected | invalid helo | bad helo | bad ehlo | blocked using | blocked by |
        blocked for | blocked due | blocked because | been blocked | mail blocked |
        message blocked | email blocked | ip blocked | is blocked | sending mta | your ip |
        your host | your network | your server | ip address is | banned | dynamic ip |
        dynamic address | connections from | connection from your | your isp | user complaints |
        denied access | temporarily deferred | go away
        """),
    ),
    (
        Reason.SPAM_DETECTED,
        _said("""
        spam | message filtered | unsolicited | phish | junk | bulk mail | bulk email | content rejected |
        content filter | rejected by content | message content | unsafe content | due to content | scored too | mass mail | uribl |
        surbl | advertis
        """),
    ),
    (
        Reason.NOT_COMPLIANT_RFC,
        _said("""
        rfc 5322 | rfc 2822 | rfc5322 | rfc2822 | rfc 822 | not rfc | rfc compliant | resent-from |
        duplicate header | headers fail | syntax check | multiple from | missing header | invalid header | bare lf |
        bare linefeed | bare newline | message-id header | from header | date header | header line
        """),
    ),
    (
        Reason.CONTENT_ERROR,
        _said("""
        8-bit | 8bit | malformed | mime error | mime header | bad mime | attachment type |
        attachments are not | attachment is not | attachment not | banned attachment |
        illegal attachment | prohibited attachment | file type | file extension | improper use |
        conversion failed
        """),
    ),
    (
        Reason.SECURITY_ERROR,
        _said("""
        authentication required | authentication failed | must be authenticated |
        authenticate first | not authenticated | auth required | authorization required |
        authentication is required | certificate | must authenticate | not logged in |
        log in first | pop before | check your mail first
        """),
    ),
)

#: Read only beside a code that asks for it: single words say enough there.
TO_REPAIR: Sequence[Phrases] = (
    (Reason.REQUIRE_PTR, _said("ptr | reverse dns")),
    (Reason.FAILED_STARTTLS, _said("tls")),
    (Reason.AUTH_FAILURE, _said("spf | dkim | dmarc | authenticat | align")),
)

#: Seen first: a blocked account is no blocked sender, an exceeded sending quota no full mailbox.
PACE: Sequence[Phrases] = (
    (
        Reason.MAILBOX_FULL,
        _said("""
        has too many messages | mailbox has too many
        """),
    ),
    (
        Reason.NETWORK_ERROR,
        _said("""
        malformed name server | malformed dns | name server reply
        """),
    ),
    (
        Reason.SUSPEND,
        _said("""
        due to inactivity | mailbox has been blocked | account has been blocked |
        user has been blocked | mailbox is blocked | account is blocked | account blocked
        """),
    ),
    (
        Reason.TOO_MANY_CONN,
        _said("""
        too many connection | too many concurrent | too many simultaneous | connection limit | too busy |
        too many sessions | maximum number of connections | concurrency limit
        """),
    ),
    (
        Reason.SPEEDING,
        _said("""
        rate limit | ratelimit | rate-limit | rate that | receiving mail at a rate | too fast |
        too quickly | throttl | too many messages | too many emails | too many mails |
        too much mail from | too many recipients | too many errors | too many invalid |
        sending quota | sending limit | hourly | per hour | per minute | per day | daily limit |
        slow down | frequency limit | message limit | exceeded the rate
        """),
    ),
    (
        Reason.ON_HOLD,
        _said("""
        greylist | graylist | grey list | gray list | grey-list | gray-list
        """),
    ),
)

#: About the mailbox, which is there.
MAILBOX: Sequence[Phrases] = (
    (
        Reason.SYSTEM_FULL,
        _said("""
        system storage | system disk | system full | no space left on device | file system full |
        filesystem full | filesystem is full | out of disk | disk is full | disk full
        """),
    ),
    (
        Reason.MAILBOX_FULL,
        _said("""
        quota | mailbox full | mailbox is full | mailbox too full | mailbox has exceeded |
        mailbox exceed | mailbox size | mailbox would exceed | full mailbox | mailfolder is full |
        folder is full | mail box full | mail box is full | box space | box is full | box full |
        account is full | account full | user is full | recipient is over | space not enough |
        not enough space | not enough storage | insufficient space | insufficient storage |
        insufficient disk | exceeded storage | exceeds storage | exceeded its storage |
        storage limit | storage space | out of storage | storage allocation | space limit | too much mail stored |
        too many messages in | disk space | space has been used up | out of space | casella piena |
        casella di posta piena | casella è piena | boite pleine | boîte pleine |
        boîte aux lettres est pleine | buzon lleno | buzón lleno | caixa cheia | postfach voll |
        postfach ist voll | speicherplatz | переполнен | 容量 | 邮箱空间不足 | 郵箱已滿
        """),
    ),
    (
        Reason.MESG_TOO_BIG,
        _said("""
        message size | message too | message is too | mail too | mail is too | mail size |
        too large | too big | size limit | size exceeds | exceeds size | maximum size |
        exceeds maximum | exceeds the maximum | exceeded maximum inbound |
        exceeded the maximum incoming | maximum incoming | larger than | message length |
        message exceeds | exceeds fixed
        """),
    ),
    (
        Reason.SUSPEND,
        _said("""
        suspend | disabled | inactive | deactivated | de-activated | not active |
        not been activated | not activated | not yet activated | inattiv | inactiv |
        désactiv | desactivad | desativad | deaktiviert | gesperrt | bloccat | geblokkeerd | zablokowan | заблокирован | отключен | 停用 | 禁用 | account is locked | mailbox is locked | account locked |
        mailbox locked | account expired | mailbox expired | account has expired | frozen |
        temporarily limited | temporarily unavailable account | account temporarily |
        account is temporarily | mailbox temporarily | account is blocked | account blocked |
        account has been blocked | account has been closed temporarily | billing | disattivat |
        sospes
        """),
    ),
    (
        Reason.HAS_MOVED,
        _said("""
        has moved | user moved | moved to @ | has a new address | new email address |
        changed email address | changed his email | changed her email | has changed address |
        address has changed | address changed | no longer works | no longer employed |
        no longer with | has left
        """),
    ),
)

#: About the receiver's domain or its system, and the way there.
SYSTEM: Sequence[Phrases] = (
    (
        Reason.NOT_ACCEPT,
        _said("""
        null mx | nullmx | does not accept mail | does not accept email | does not accept any mail |
        domain does not receive | not accept mail for | smtp service not available |
        no smtp service here | record indicated no smtp service | host does not accept
        """),
    ),
    (
        Reason.EXPIRED,
        _said("""
        retry timeout exceeded | retry time not reached | timeout exceeded | message timed out |
        message expired | message has expired | delivery expired | delivery time expired |
        expired after | queue too long | too long in queue | in the queue too long |
        on the queue too long | in queue too long | queue period | queue lifetime |
        been in the queue | maximum delivery attempts | attempts: @ | not been collected |
        given up after | giving up after | could not be delivered for | cannot send message within |
        unable to deliver it within | not be delivered within | was not delivered within |
        maximum retries | max retries | retries exceeded | undeliverable for
        """),
    ),
    (
        Reason.SYSTEM_ERROR,
        _said("""
        loop | too many hops | hop count | too many received | configuration error | misconfigur |
        internal error | internal server error | system error | server error | local error |
        resources temporarily | resources unavailable | lookup failure | ldap | database |
        unexpected failure | processing error | error while being processed |
        encountered an error while | error writing | cannot open | permission denied |
        aliases deep | temporary failure | temporary local | temporary problem
        """),
    ),
    (
        Reason.MAILER_ERROR,
        _said("""
        command output | command died | command failed | child status | exit status | exit code |
        exited with | returned exit | local delivery failed | pipe to | procmail | mailer returned
        """),
    ),
    (
        Reason.NETWORK_ERROR,
        _said("""
        connection refused | connection timed out | connection reset | connection dropped |
        connection lost | connection closed | connection was | connection failed | lost connection |
        timed out | timeout | time-out | no route to host | network is unreachable |
        network unreachable | network error | not reachable | unreachable | not responding |
        not respond | no answer | no response | host is down | could not connect | couldnt connect |
        cannot connect | cant connect | unable to connect | failed to connect | smtp connection |
        mail exchanger failed | server unavailable | gateway for |
        broken pipe | routing | name server | name service | dns | unavailable or busy
        """),
    ),
)

#: Said when little else is: refused, for whatever reason.
WEAK: Sequence[Phrases] = (
    (
        Reason.FILTERED,
        _said("""
        only accepts mail from | accept mail from | accept email from | accept messages from | not accepting mail from |
        not accepting messages from | does not accept messages from | not accepting mail |
        restricted | not a member | members-only | members only | not allowed to send to |
        not authorized to send to | not authorised to send to | recipient refuse |
        recipient has refused | refused by recipient | rejected by the recipient |
        rejected by recipient | user refuse | user rejected | challenge | whitelist | mail filter |
        filtered | due to extended inactivity
        """),
    ),
    (
        Reason.POLICY_VIOLATION,
        _said("""
        policy | policies | prohibit | administrative | not permitted | violat | security reason |
        contact the postmaster
        """),
    ),
    (
        Reason.REJECTED,
        _said("""
        access denied | denied | rejected | refused | not allowed | not accepted | blocked |
        not authorized | not authorised | forbidden | unacceptable | refuse to accept
        """),
    ),
    (
        Reason.ON_HOLD,
        _said("""
        try again later | try later | come back later | temporar | service unavailable |
        currently unavailable
        """),
    ),
)

_WHO = (
    r"(?:(?:e-?mail )?(?:account|address|addressee|recipient|user(?: ?name| ?id)?|mail ?box|person"
    r"|login|subscriber|member|alias|customer|inbox|destination)(?:es|s)?(?: name)?)"
)
_GONE = (
    r"(?:unknown|not (?:be )?(?:found|known|recogni[sz]ed|exist(?:ing)?|listed|valid|located"
    r"|registered|our (?:customer|user)|a valid|defined|identified)"
    r"|no longer (?:exist|valid|in use|available|active|on|here)|non-?existent|invalid|does ?n[o']?t exist"
    r"|dont exist|doesnt exist|do not exist|did not exist|has been (?:deleted|removed|discontinued|closed|terminated|cancell?ed)"
    r"|is discontinued|wrong or no longer|unavailable|deleted)"
)
#: No such mailbox, said in English in so many ways that a list would never end.
NOBODY = re.compile(
    rf"\b{_WHO}(?: specified| given| here| listed)?(?: ?[:,;] ?| )(?:@ ?|\([^)]{{0,60}}\) ?|\.\.\. ?|[\w.\-]{{1,40}} )?"
    rf"(?:is |are |was |were |has |could |seems |appears )?(?:currently |been |to be |either )?{_GONE}"
    rf"|\b(?:no such|unknown|invalid|nonexistent|non-existent|illegal|bad|incorrect|undefined|wrong|not a valid"
    rf"|isnt a valid|unrecogni[sz]ed|no valid) (?:or illegal |or invalid |destination |local |final delivery |final |virtual |e-?mail |recipient )*{_WHO}\b"
    rf"|\bno {_WHO} (?:@ )?(?:was |were |could be |is |are |has been )?(?:found|exists?|here|known|there"
    rf"|with (?:that|this)|matching|matches|configured|registered|on this|at this|defined|available)\b"
)
#: The same, in set phrases and other languages (Exchange Online says "access denied" for it).
NOBODY_PHRASES = _said("""
    find that mailbox | find this mailbox | find the mailbox | find the recipient | find the user |
    find such a | it was closed by | does not exist | doesnt exist | do not exist | no longer exists | no longer accepts mail |
    couldnt be found | could not be found | cannot be found | cant be found | wasnt found |
    was not found | known user | no such mail | mail for that user | mail for this user |
    nicht gefunden | gibt es nicht | ungültige adresse | introuvable | nexiste | non valide |
    no encontrad | no se encontr | no se ha encontr | no se pudo encontr | não encontrad | não existe | non trovato | non esistente |
    non valido | nie istnieje | neexistuje | finns inte | bulunamad | niet gevonden |
    нет такого | неизвестный | 存在しない | 未找到 | 找不到 | 无此用户 | 查無此 |
    no mailbox here | no mailbox by that name | mailbox unavailable | mailbox not available |
    nobody here by that name | no user by that name | no one by that name |
    not listed in domino | not listed in public name | this user doesnt have |
    user doesnt have a | user not in directory | not our customer |
    recipient name is not recognized | recipient not found | recipnotfound | nosuchuser |
    no account by that name | no such person | no such recipient | no such mailbox |
    no such user | no such address | no such account | not a valid user | not a local user |
    no local user | user unknown | unknown user | unknown recipient | unknown address |
    unknown local | unknown or illegal | addressee unknown | undeliverable address |
    is not known | not known at this site | validrcptto | no matches to nameserver query |
    did not exactly match | cannot deliver to @ directory | final email delivery point |
    delivery point | no es un usuario | usuario desconocido | usuario no existe | no existe |
    non esiste | inesistente | utente sconosciuto | destinatario sconosciuto |
    indirizzo errato | nexiste pas | inconnu | non recens | unbekannt | existiert nicht |
    nicht bekannt | desconhecid | não existe | nao existe | onbekend | bestaat niet | okänd |
    ukjent | nieznany | не существует | пользователь не найден | не найден | 存在しません | 存在し ません |
    見つかりません | 宛先不明 | 用户不存在 | 不存在 | 없는 사용자 | recipient address rejected: access denied |
    not our user | no route for address | reciever not found | receiver not found |
    relay recipient table | local recipient table | virtual mailbox table |
    virtual alias table
""")
#: No such domain.
NOWHERE = re.compile(
    r"\b(?:host|domain|domain name|mail server|mail host|destination server|destination host)"
    r"(?: name)?(?: ?[:,] ?| )(?:@ |\([^)]{0,60}\) )?(?:is |was |could |does )?"
    r"(?:unknown|not (?:be )?(?:found|exist|known|resolved|valid)|no longer exists|invalid|non-?existent)"
    r"|\b(?:unknown|no such|invalid|illegal|nonexistent|non-existent|bad) (?:destination |recipient |remote )?(?:host|domain|system|mail server)"
    r"|\bnxdomain\b|\bname or service not known\b|\bunrouteable\b|\bunroutable\b|\bno mx\b|\bbad destination system\b"
    r"|\bdomain has no mail exchangers\b|\bhas no mx\b|\bno mail exchanger|\bnon-?existent (?:hosts|domain)"
    r"|\bdominio (?:sconosciuto|inesistente|non trovato)"
)
