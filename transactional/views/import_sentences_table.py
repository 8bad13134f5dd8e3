"""What the notes and refusals of an import say, by their codes."""

from collections.abc import Mapping

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

NOTES: Mapping[str, Promise] = {
    "VARIABLE": _("A variable of its own is a custom property now: send it along."),
    "CRM_VARIABLE": _("A property of HubSpot’s CRM is a custom property now: send it along."),
    "FILTER": _("This filter does not exist here: the value is shown without it."),
    "FILTER_NAME": _("The filter has another name here."),
    "TAG": _("This tag does not exist here and is left out."),
    "TAG_NAME": _("The tag is written differently here."),
    "TAG_OPENED": _("The tag is left out; what it holds stays."),
    "EXPRESSION": _("This expression cannot be carried over and is left out."),
    "BROKEN": _("This part kept the template from being read and is left out."),
    "MODULE": _("A module of HubSpot: its own text stays, if it has one."),
    "IMAGE": _("The image has no address on the web: upload it and set it again."),
    "LINK": _("The link is made by another program and leads nowhere here."),
    "FOOTER": _("The footer says your company and address from the account settings."),
    "INCLUDE": _("The file it includes was not uploaded: it is left out."),
    "INCLUDED": _("The file it includes was put in its place."),
    "PARTIAL": _("The partial it includes was not uploaded: it is left out."),
    "HELPER": _("This helper does not exist here: its block is always shown."),
    "SECTION": _("Taken as a condition: check whether it was meant as a list."),
    "UNESCAPED": _("Shown without escaping, as before: make sure that no stranger writes it."),
    "MERGE_TAG": _("A merge tag of Mailchimp."),
    "CODE": _("Code of another engine stays as text: readers would see it."),
    "FRONT_MATTER": _("HubSpot’s header of the template is not part of the mail."),
    "MJML": _("The MJML was compiled: you edit its HTML from here on."),
}
REFUSALS: Mapping[str, Promise] = {
    "IMPORT_TOO_LARGE": _("That is too large: at most 10 MB, and 1 MB for each template."),
    "IMPORT_TOO_MANY": _("Too many files: at most 500 in a ZIP, and 50 emails at once."),
    "IMPORT_EMPTY": _("There is no template in it: .html, .mjml, .hubl or .hbs."),
    "IMPORT_BROKEN": _("The ZIP cannot be read; is it encrypted or cut off?"),
    "IMPORT_NOT_TEXT": _("This is not a text file."),
    "IMPORT_MJML": _("The MJML cannot be compiled."),
}
LEVELS: Mapping[str, tuple[str, Promise]] = {
    "replaced": ("accent", _("Replaced")),
    "dropped": ("bad", _("Left out")),
    "check": ("warn", _("Check")),
}
