"""What an account's emails share: images, blocks kept under a name, the brand."""

from django.db import models
from django.utils import timezone

from tokens.models import Account
from tokens.models.account import OfAccount


class Image(models.Model):
    """An uploaded image. Mail shows it under its `token`, which nobody can guess."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="images")
    token = models.CharField(max_length=32, unique=True, help_text="Names it in its public URL.")
    digest = models.BinaryField(max_length=32, help_text="SHA-256: the same image is kept once.")
    name = models.CharField(max_length=200)
    alt = models.CharField(max_length=500, blank=True, help_text="What it shows, read aloud.")
    decorative = models.BooleanField(default=False, help_text="Says nothing the text does not.")
    format = models.CharField(max_length=4, help_text="png, jpeg, gif or webp: by its content.")
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    size = models.PositiveIntegerField(help_text="Octets.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=254)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "digest"], name="one_image_per_content")
        ]
        indexes = [
            # The library, newest first, keyset paged
            models.Index(fields=["account", "-id"], name="image_list")
        ]

    def __str__(self) -> str:
        return self.name


class ImageContent(models.Model):
    """The octets of an image where IMAGE_STORE is the database."""

    image = models.OneToOneField(
        Image, on_delete=models.CASCADE, primary_key=True, related_name="content"
    )
    data = models.BinaryField()

    def __str__(self) -> str:
        return f"content of {self.image_id}"


class SavedBlock(models.Model):
    """Blocks or a section kept under a name; an email gets a copy."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="saved_blocks")
    name = models.CharField(max_length=200)
    section = models.BooleanField(default=False, help_text="A whole section, not blocks of one.")
    has_html = models.BooleanField(default=False, help_text="Holds HTML: for developers only.")
    content = models.JSONField(help_text="A section of a block document.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.CharField(max_length=254)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="one_saved_block_per_name")
        ]

    def __str__(self) -> str:
        return self.name


class BrandKit(models.Model):
    """An account's look: what new emails start with. Company and address are the account's own."""

    account = models.OneToOneField(
        Account, on_delete=models.CASCADE, primary_key=True, related_name="brand"
    )
    logo = models.ForeignKey(
        Image, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    logo_width = models.PositiveSmallIntegerField(default=140, help_text="CSS pixels.")
    accent = models.CharField(max_length=7, default="#2f5bd8")
    text = models.CharField(max_length=7, default="#171b24")
    surface = models.CharField(max_length=7, default="#ffffff")
    background = models.CharField(max_length=7, default="#f3f4f6")
    font = models.CharField(max_length=120, default="Arial, Helvetica, sans-serif")
    radius = models.PositiveSmallIntegerField(default=6, help_text="Of buttons, CSS pixels.")
    links = models.JSONField(default=list, help_text="Social: network and URL of each.")
    former = models.JSONField(default=list, help_text="Footers it had: found again in drafts.")
    updated_at = models.DateTimeField(default=timezone.now)
    updated_by = models.CharField(max_length=254)

    objects = OfAccount.as_manager()

    def __str__(self) -> str:
        return f"brand of {self.account_id}"
