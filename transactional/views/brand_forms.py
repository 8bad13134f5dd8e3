"""The form of the brand kit."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from transactional.compose.document import fields, schema
from transactional.compose.document.fields import NETWORKS, Refused
from transactional.library import images
from transactional.models import BrandKit, Image

FONTS = (
    "Arial, Helvetica, sans-serif",
    "Verdana, Geneva, sans-serif",
    "Tahoma, Geneva, sans-serif",
    "'Trebuchet MS', Helvetica, sans-serif",
    "Georgia, 'Times New Roman', serif",
    "'Courier New', Courier, monospace",
)
LINKS = 8  # rows of social links
CHOICES = 12  # images offered as the logo


def _colour(label: Any) -> forms.CharField:
    return forms.CharField(label=label, max_length=7, widget=forms.TextInput({"type": "color"}))


class BrandForm(forms.Form):
    """Everything of the brand at once."""

    accent = _colour(_("Buttons and links"))
    text = _colour(_("Text colour"))
    surface = _colour(_("Email"))
    background = _colour(_("Around it"))
    font = forms.ChoiceField(
        label=_("Font"), choices=[(font, font.split(",")[0].strip("'")) for font in FONTS]
    )
    radius = forms.IntegerField(
        label=_("Roundness of buttons in pixels"), min_value=0, max_value=24
    )
    logo = forms.ChoiceField(label=_("Logo"), required=False)
    logo_width = forms.IntegerField(
        label=_("Width of the logo in pixels"), min_value=16, max_value=600
    )

    def __init__(self, *args: Any, kit: BrandKit, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = images.listed(kit.account, query="", before=None, limit=CHOICES)
        if kit.logo is not None and kit.logo not in offered:
            offered.insert(0, kit.logo)
        self.offered = offered
        logo = self.fields["logo"]
        assert isinstance(logo, forms.ChoiceField)  # noqa: S101 — for the type checker
        logo.choices = [("", ""), *((str(one.pk), one.name) for one in offered)]
        self.links = self._rows(kit)
        self.link_error = ""

    def _rows(self, kit: BrandKit) -> list[dict[str, str]]:
        """The rows of social links as typed, or as kept with two empty ones."""
        if self.is_bound:
            networks = self.data.getlist("network")[:LINKS]  # type: ignore[attr-defined]
            urls = self.data.getlist("link")[:LINKS]  # type: ignore[attr-defined]
            return [
                {"network": network, "url": url.strip()}
                for network, url in zip(networks, urls, strict=False)
            ]
        kept = [dict(one) for one in kit.links][:LINKS]
        empty = [{"network": "web", "url": ""} for _n in range(min(2, LINKS - len(kept)))]
        return kept + empty

    @classmethod
    def of(cls, kit: BrandKit) -> "BrandForm":
        """The form of the brand as it is."""
        names = ("accent", "text", "surface", "background", "font", "radius", "logo_width")
        initial = {name: getattr(kit, name) for name in names}
        return cls(initial={**initial, "logo": str(kit.logo_id or "")}, kit=kit)

    def clean(self) -> dict[str, Any]:
        """Colours as the schema has them, the logo as its row, links without empty rows."""
        found = self.cleaned_data
        for name in ("accent", "text", "surface", "background"):
            if name in found:
                try:
                    found[name] = schema.SETTINGS[name].check(found[name], frozenset())
                except Refused as err:
                    self.add_error(name, ValidationError(str(err)))
        chosen = found.get("logo")
        found["logo"] = next((one for one in self.offered if str(one.pk) == chosen), None)
        links = [one for one in self.links if one["url"]]
        try:
            check = fields.PROPS["social"]["links"].check
            found["links"] = check(links, frozenset())
        except Refused as err:
            self.link_error = str(err)
            self.add_error(None, ValidationError(str(err)))
        return found

    @property
    def networks(self) -> tuple[str, ...]:
        """Networks a link may be of."""
        return NETWORKS

    @property
    def logos(self) -> list[tuple[Image, str, bool]]:
        """Images offered: the row, where pages find it, whether it is chosen."""
        chosen = str(self["logo"].value() or "")
        return [(one, images.path(one), str(one.pk) == chosen) for one in self.offered]
