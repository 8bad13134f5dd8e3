"""Accounts (the tenants), the people who use them, and their roles."""

from typing import Any, ClassVar, Self

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Scope(models.TextChoices):
    """How far a consequence reaches."""

    ALL = "all", _("All mail")
    MARKETING = "marketing", _("Marketing mail only")


class Account(models.Model):
    """The tenant; owns domains, credentials, emails."""

    name = models.CharField(max_length=200)
    transactional_enabled = models.BooleanField(
        default=False, help_text="Ops turn this on; off refuses transactional mail at every door."
    )
    hard_bounce_scope = models.CharField(
        max_length=10, choices=Scope.choices, default=Scope.ALL,
        help_text="What a hard bounce stops: all mail, or marketing mail only.",
    )  # fmt: skip
    complaint_scope = models.CharField(
        max_length=10, choices=Scope.choices, default=Scope.MARKETING,
        help_text="What a spam complaint stops: marketing mail only, or all mail.",
    )  # fmt: skip
    filter_machines = models.BooleanField(
        default=True, db_default=True,
        help_text="Opens and clicks of machines are left out of the numbers.",
    )  # fmt: skip
    time_zone = models.CharField(max_length=64, default="UTC")
    approvers = models.CharField(
        max_length=10, blank=True, default="",
        help_text="The least role that approves what is published; empty: nobody has to.",
    )  # fmt: skip
    language = models.CharField(max_length=5, default="en", help_text="New emails start in it.")
    company_name = models.CharField(max_length=200, blank=True, help_text="Empty: the name.")
    street = models.CharField(max_length=200, blank=True)
    street_2 = models.CharField(max_length=200, blank=True)
    postcode = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100, blank=True)
    region = models.CharField(max_length=100, blank=True, help_text="State or province.")
    country = models.CharField(max_length=100, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    def __str__(self) -> str:
        return f"{self.name} ({self.pk})"

    @property
    def company(self) -> str:
        """Who the mail is from, as a reader should see it."""
        return self.company_name or self.name

    @property
    def letterhead(self) -> dict[str, str]:
        """What templates may say of the company, as plain data, and the language of their links."""
        names = ("street", "street_2", "postcode", "city", "region", "country", "language")
        return {"company": self.company, **{name: getattr(self, name) for name in names}}

    @property
    def address_lines(self) -> list[str]:
        """The postal address as an envelope has it, without what is not known."""
        place = " ".join(part for part in (self.postcode, self.city) if part)
        parts = (self.street, self.street_2, place, self.region, self.country)
        return [part for part in parts if part]

    @property
    def postal_address(self) -> str:
        """The address in one line; empty while street or city are missing: half of one is none."""
        if not (self.street and self.city):
            return ""
        return ", ".join(self.address_lines)


class UserManager(BaseUserManager["User"]):
    """Users are known by their e-mail address."""

    def create_user(self, email: str, password: str | None = None, **extra: Any) -> "User":
        """A person who may sign in. Raises ValueError without an address."""
        if not email:
            raise ValueError("A user needs an e-mail address")
        user = self.model(email=self.normalize_email(email).lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> "User":
        """An operator: may use Django admin, over all accounts."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)

    def get_by_natural_key(self, username: str | None) -> "User":
        """Sign-in does not care about the case of an address."""
        return self.get(email__iexact=username or "")


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in; what they may do in an account is their Membership."""

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    language = models.CharField(max_length=5, blank=True, help_text="Empty: the browser's.")
    theme = models.CharField(max_length=5, blank=True, help_text="light, dark; empty: the system's")
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    date_joined = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    def __str__(self) -> str:
        return self.email


class Role(models.TextChoices):
    """What a member may do; each includes what the ones after it may."""

    OWNER = "owner", _("Owner")
    DEVELOPER = "developer", _("Developer")
    MARKETER = "marketer", _("Marketer")
    VIEWER = "viewer", _("Viewer")


class OfAccount(models.QuerySet[Any]):
    """Every query of a tenant's rows starts with `.of(account)`."""

    def of(self, account: "Account | int") -> Self:
        """Only the rows of this account."""
        return self.filter(account_id=account if isinstance(account, int) else account.pk)


class Membership(models.Model):
    """A user's role in an account."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices)

    objects = OfAccount.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "user"], name="one_role_per_account")
        ]

    def __str__(self) -> str:
        return f"{self.user_id} is {self.role} of {self.account_id}"
