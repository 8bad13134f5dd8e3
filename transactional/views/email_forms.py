"""The forms of the email pages: what may be typed, and the sentence for what may not."""

import re
from collections.abc import Iterable
from typing import Any

import orjson
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from domains.models import Domain
from tokens.models import Account
from transactional import subscription_types
from transactional.compose.document import starters
from transactional.compose.drafts import DraftFields
from transactional.compose.template import SOURCE_LIMIT
from transactional.models import Email, Kind, Lane, SenderAddress, SenderState
from transactional.views.settings_fields import SettingsFields, one_line, tags_text
from transactional.wire.address import AddressError, parse_address, parse_address_list

SAMPLE_LIMIT = 200_000  # characters of sample data
SAMPLE_DEPTH = 50
RECIPIENTS = 50  # addresses typed into one send


def verified_domains(account: Account) -> list[str]:
    """Names of the domains this account may write From."""
    rows = Domain.objects.of(account).filter(verified_at__isnull=False).order_by("name")
    return list(rows.values_list("name", flat=True))


def mailbox(value: str) -> str:
    """A plain address. Raises ValidationError with what is wrong."""
    try:
        found = parse_address(value)
    except AddressError as err:
        raise ValidationError(_("This is not a mail address.")) from err
    if found.name:
        raise ValidationError(_("Write the address alone, without a name."))
    return found.spec


def _too_deep(value: Any) -> bool:
    """Whether JSON data nests deeper than SAMPLE_DEPTH, or holds what PostgreSQL cannot keep."""
    level: list[Any] = [value]
    for _depth in range(SAMPLE_DEPTH):
        below: list[Any] = []
        for one in level:
            if isinstance(one, dict):
                below += one.values()
            elif isinstance(one, list):
                below += one
        if not below:
            return False
        level = below
    return True


def json_object(text: str) -> dict[str, Any]:
    """Data typed as JSON. Raises ValidationError naming the line."""
    if not text.strip():
        return {}
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as err:
        message = _("This is not valid JSON: line %(line)s, column %(column)s.")
        raise ValidationError(message, params={"line": err.lineno, "column": err.colno}) from err
    if not isinstance(found, dict):
        raise ValidationError(_("This must be a JSON object: { … }."))
    if "\\u0000" in text:
        raise ValidationError(_("The character \\u0000 cannot be kept."))
    if _too_deep(found):
        raise ValidationError(_("The data is nested too deeply."))
    return found


class NewEmailForm(forms.Form):
    """What an email needs to exist."""

    name = forms.CharField(
        label=_("Name"), max_length=200, validators=[one_line],
        help_text=_("Only you and your colleagues see it."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    kind = forms.ChoiceField(
        label=_("Type"), choices=Kind.choices, initial=Kind.TRANSACTIONAL, widget=forms.RadioSelect
    )
    start = forms.ChoiceField(label=_("Start from"), required=False, widget=forms.RadioSelect)
    language = forms.ChoiceField(
        label=_("Language of the template"), required=False,
        choices=[("en", "English"), ("it", "Italiano")],
    )  # fmt: skip

    HTML = "html"
    STARTS = (
        ("receipt", _("Receipt"), _("What was bought, as a table, and the total.")),
        ("reset", _("Password reset"), _("A link that works once.")),
        ("code", _("One-time code"), _("A code in large figures.")),
        ("invite", _("Invitation"), _("Who invites, to what, and a button.")),
        ("shipping", _("Shipping notice"), _("Carrier, tracking number, what is in the parcel.")),
        ("invoice", _("Invoice"), _("Amounts, tax, and when it is due.")),
        ("terms", _("Change of terms"), _("What changes, as a list, and from when.")),
        (starters.BLANK, _("Blank"), _("Nothing but a footer.")),
    )

    def __init__(
        self, *args: Any, may_html: bool, account_language: str = "", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.may_html = may_html
        start, language = self.fields["start"], self.fields["language"]
        assert isinstance(start, forms.ChoiceField)  # noqa: S101 — for the type checker
        start.choices = [(key, name) for key, name, _help in self.STARTS]
        if may_html:
            start.choices = [*start.choices, (self.HTML, gettext("HTML"))]
        start.initial = self.STARTS[0][0]
        language.initial = account_language or (get_language() or "en")[:2]

    @property
    def starting_point(self) -> str:
        """The template chosen; programs and old pages that name none get what they always got."""
        chosen: str = self.cleaned_data["start"]
        return chosen or (self.HTML if self.may_html else self.STARTS[0][0])


class EmailForm(SettingsFields):
    """The whole draft."""

    name = forms.CharField(label=_("Name"), max_length=200, validators=[one_line])
    subject = forms.CharField(
        label=_("Subject"), max_length=2000, required=False, validators=[one_line]
    )
    preview_text = forms.CharField(
        label=_("Preview text"), max_length=2000, required=False, validators=[one_line],
        help_text=_("Shown after the subject in most inboxes."),
    )  # fmt: skip
    html = forms.CharField(
        label=_("HTML"), required=False, max_length=SOURCE_LIMIT, strip=False,
        widget=forms.Textarea(attrs={"class": "code tall", "spellcheck": "false", "wrap": "off"}),
    )  # fmt: skip
    text = forms.CharField(
        label=_("Plain text"), required=False, max_length=SOURCE_LIMIT, strip=False,
        help_text=_("Leave it empty to have it made from the HTML."),
        widget=forms.Textarea(attrs={"class": "code", "rows": 8}),
    )  # fmt: skip
    from_name = forms.CharField(
        label=_("From name"), max_length=200, required=False, validators=[one_line]
    )
    from_address = forms.CharField(
        label=_("From address"), max_length=254, required=False,
        widget=forms.EmailInput(attrs={"list": "from-addresses", "autocomplete": "off"}),
    )  # fmt: skip
    reply_to = forms.CharField(
        label=_("Reply-to address"), max_length=254, required=False,
        help_text=_("Empty: replies go to the From address."),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )  # fmt: skip
    kind = forms.ChoiceField(
        label=_("Type"), choices=Kind.choices,
        help_text=_(
            "Transactional mail goes to everybody it is for. Marketing mail obeys "
            "unsubscriptions and needs an unsubscribe link."
        ),
    )  # fmt: skip
    subscription_type_id = forms.TypedChoiceField(
        label=_("Subscription type"), coerce=int, empty_value=None, required=False,
        help_text=_("For marketing mail: what readers agree to, and can leave by itself."),
    )  # fmt: skip
    lane = forms.TypedChoiceField(
        label=_("Priority"), coerce=int,
        choices=[(Lane.NORMAL, _("Normal")), (Lane.URGENT, _("Urgent: codes and resets"))],
    )  # fmt: skip
    track_opens = forms.BooleanField(label=_("Count opens"), required=False)
    track_clicks = forms.BooleanField(
        label=_("Count clicks"), required=False,
        help_text=_("Turn both off for one-time codes and password resets."),
    )  # fmt: skip
    sample = forms.CharField(
        label=_("Sample data (JSON)"), required=False, max_length=SAMPLE_LIMIT, strip=False,
        help_text=_("What the preview is filled with: “contact” and “custom” properties."),
        widget=forms.Textarea(attrs={"class": "code", "rows": 10, "spellcheck": "false"}),
    )  # fmt: skip
    revision = forms.IntegerField(min_value=1, max_value=2**31 - 1, widget=forms.HiddenInput)

    def __init__(self, *args: Any, account: Account, blocks: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.account = account
        self.domains = verified_domains(account)
        types = subscription_types.all_types(account.pk)
        chosen = self.fields["subscription_type_id"]
        chosen.choices = [("", gettext("The default type")), *((t.pk, t.name) for t in types)]  # type: ignore[attr-defined]
        if blocks:
            del self.fields["html"]
        self.fields["from_address"].help_text = (
            gettext("On %(domains)s") % {"domains": ", ".join(self.domains)}
            if self.domains
            else gettext("No domain is verified yet: connect one under Domains & IPs.")
        )

    @classmethod
    def of(cls, email: Email) -> "EmailForm":
        """The form of a stored draft."""
        values = {name: getattr(email, name) for name in cls.base_fields if name != "sample"}
        values |= {"sample": sample_text(email.sample), "tags": tags_text(email.tags)}
        return cls(initial=values, account=email.account, blocks=email.document is not None)

    def clean_from_address(self) -> str:
        """An address on a verified domain, or nothing yet."""
        value = self.cleaned_data["from_address"]
        if not value:
            return ""
        value = mailbox(value)
        single = SenderAddress.objects.of(self.account).filter(
            address=value.lower(), state=SenderState.CONFIRMED
        )
        if parse_address(value).domain_ascii not in self.domains and not single.exists():
            raise ValidationError(_("This address is not on one of your verified domains."))
        return value

    def clean_reply_to(self) -> str:
        """Any address."""
        value = self.cleaned_data["reply_to"]
        return mailbox(value) if value else ""

    def clean_sample(self) -> dict[str, Any]:
        """`contact` and `custom`, both objects."""
        found = json_object(self.cleaned_data["sample"])
        for name in ("contact", "custom"):
            if not isinstance(found.get(name, {}), dict):
                message = _("“%(name)s” must be a JSON object: { … }.")
                raise ValidationError(message, params={"name": name})
        return found

    def draft(self) -> DraftFields:
        """The valid form as the core's data."""
        values = {key: value for key, value in self.cleaned_data.items() if key != "revision"}
        for name in ("html", "text"):
            values[name] = values.get(name, "").replace("\r\n", "\n")
        return DraftFields(**values)


def sample_text(sample: dict[str, Any]) -> str:
    """Sample data as people read it."""
    return orjson.dumps(sample, option=orjson.OPT_INDENT_2).decode() if sample else ""


class SendForm(forms.Form):
    """A send to typed addresses."""

    to = forms.CharField(
        label=_("To"), max_length=20_000,
        help_text=_("Up to 50 addresses, one per line. Each gets a message of their own."),
        widget=forms.Textarea(attrs={"rows": 4, "autocomplete": "off", "spellcheck": "false"}),
    )  # fmt: skip
    which = forms.ChoiceField(
        label=_("Which version"), widget=forms.RadioSelect, choices=[("draft", _("The draft"))]
    )
    custom = forms.CharField(
        label=_("Custom properties (JSON)"), required=False, max_length=SAMPLE_LIMIT,
        help_text=_("Filled in from the sample data. Contact properties are the contact's own."),
        widget=forms.Textarea(attrs={"class": "code", "rows": 8, "spellcheck": "false"}),
    )  # fmt: skip

    def __init__(self, *args: Any, email: Email, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("draft", gettext("The draft, as a test"))]
        if email.published:
            live = gettext("Published version %(number)s") % {"number": email.published.number}
            choices.insert(0, ("published", live))
        which = self.fields["which"]
        assert isinstance(which, forms.ChoiceField)  # noqa: S101 — for the type checker
        which.choices = choices
        which.initial = choices[0][0]
        self.fields["custom"].initial = sample_text(email.sample.get("custom", {}))

    def clean_to(self) -> list[str]:
        """The addresses, each once, in the order typed."""
        found = list(_addresses(self.cleaned_data["to"]))
        if len(found) > RECIPIENTS:
            message = _("These are %(count)s addresses; at most %(limit)s fit in one send.")
            raise ValidationError(message, params={"count": len(found), "limit": RECIPIENTS})
        return found

    def clean_custom(self) -> dict[str, Any]:
        """The data of this send."""
        return json_object(self.cleaned_data["custom"])


def _addresses(text: str) -> Iterable[str]:
    """Mailboxes separated by new lines, semicolons or commas; raises ValidationError."""
    seen: set[str] = set()
    for part in re.split(r"[\r\n;]+", text):
        if not part.strip(" ,\t"):
            continue
        try:
            boxes = parse_address_list(part.strip(" ,\t"))
        except AddressError as err:
            message = _("“%(text)s” is not a mail address.")
            raise ValidationError(message, params={"text": part.strip()[:100]}) from err
        for box in boxes:
            if box.spec.lower() not in seen:
                seen.add(box.spec.lower())
                yield box.spec
