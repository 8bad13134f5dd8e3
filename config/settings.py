"""Django's settings, from `config/env.py`. Nothing here reads the environment by itself."""

import os
import secrets
import socket
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import django_stubs_ext
import environ

from config import env

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
ENV: dict[str, Any] = env.read()

DATA_DIR = Path(ENV["DATA_DIR"]).resolve()
DEBUG: bool = ENV["DEBUG"]
KEYRING: str = ENV["KEYRING"]


def _secret_key() -> str:
    """The given SECRET_KEY, or one made once and kept in DATA_DIR, readable by its owner alone."""
    if ENV["SECRET_KEY"]:
        return str(ENV["SECRET_KEY"])
    path = DATA_DIR / "secret_key"
    try:
        return path.read_text()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return path.read_text()
        with os.fdopen(fd, "w") as out:
            out.write(secrets.token_urlsafe(64))
        return path.read_text()


SECRET_KEY = _secret_key()

PORT: int = ENV["PORT"]
BIND: str = ENV["BIND"]
PUBLIC_URL: str = (ENV["PUBLIC_URL"] or f"http://127.0.0.1:{PORT}").rstrip("/")
IMAGE_STORE: str = ENV["IMAGE_STORE"]
IMAGE_URL: str = (ENV["IMAGE_URL"] or PUBLIC_URL).rstrip("/")
IMAGE_QUOTA_MB: int = ENV["IMAGE_QUOTA_MB"]
WEB_WORKERS: int = ENV["WEB_WORKERS"]
METRICS_TOKEN: str = ENV["METRICS_TOKEN"]
METRICS_NETS: list[str] = ENV["METRICS_NETS"]
RATE_LIMIT_10S: int = ENV["RATE_LIMIT_10S"]
WEB_VERSION_DAYS: int = ENV["WEB_VERSION_DAYS"]
KEEP_BODIES_DAYS: int = ENV["KEEP_BODIES_DAYS"]
KEEP_MESSAGES_DAYS: int = ENV["KEEP_MESSAGES_DAYS"]
KEEP_EVENTS_DAYS: int = ENV["KEEP_EVENTS_DAYS"]
KEEP_SEND_IDS_DAYS: int = ENV["KEEP_SEND_IDS_DAYS"]
LOG_PARTITIONS: str = ENV["LOG_PARTITIONS"]
ALLOWED_HOSTS: list[str] = [
    *ENV["ALLOWED_HOSTS"],
    urlsplit(PUBLIC_URL).hostname or "localhost",
    "localhost",
    "127.0.0.1",
    "[::1]",
]
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
TRUSTED_PROXIES: list[str] = ENV["TRUSTED_PROXIES"]

INSTALLED_APPS = [
    "config.admin_pages.AdminPages",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "config",
    "tokens",
    "domains",
    "transactional",
    "analytics",
]

MIDDLEWARE = [
    "config.hosts.TrackingHosts",
    "config.api_calls.ApiCalls",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.headers.SecurityHeaders",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tokens.language.PreferredLanguage",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
# Clients call the API with and without the final slash; a redirect would drop a POST's body
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "tokens.context.shell",
            ],
        },
    },
]


def _database() -> dict[str, Any]:
    """PostgreSQL only. Connections are kept: opening one costs 7 ms."""
    url = ENV["DATABASE_URL"] or "postgresql://postgres@127.0.0.1:1/postino"  # refused at connect
    found = dict(environ.Env.db_url_config(url))
    found["ENGINE"] = "django.db.backends.postgresql"
    found["HOST"] = unquote(found["HOST"])  # a socket directory comes percent-encoded
    # Django's own pool would close them after each Celery task; health checks survive a restart
    found.update(CONN_MAX_AGE=600, CONN_HEALTH_CHECKS=True)
    # Statements of the hot path are prepared; a pooler in transaction mode must allow it
    # A server whose machine has vanished says nothing: given up after half a minute, not after hours
    alive = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4}
    alive["tcp_user_timeout"] = 30_000  # milliseconds
    found["OPTIONS"] = {**alive, **found.get("OPTIONS", {}), "prepare_threshold": 5}
    return found


DATABASES = {"default": _database()}
DATABASE_URL: str = ENV["DATABASE_URL"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "tokens.User"
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/login/"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("it", "Italiano")]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE: str = ENV["TIME_ZONE"]
FORMAT_MODULE_PATH = "config.formats"
USE_I18N = True
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static_root"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENV["SECURE_COOKIES"]
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = False  # the proxy in front decides; the tracking host may be plain HTTP
SECURE_HSTS_SECONDS = 3600 if ENV["SECURE_COOKIES"] else 0
SECURE_REFERRER_POLICY = "strict-origin-when-cross-origin"
X_FRAME_OPTIONS = "DENY"
# W005, W008, W021: TLS and its redirect belong to the proxy; HSTS of subdomains to the operator
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W008", "security.W021"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1000

REDIS_URL: str = ENV["REDIS_URL"]
CELERY_BROKER_URL = REDIS_URL or "redis://127.0.0.1:1/0"

SMTP_PORT: int = ENV["SMTP_PORT"]
SMTPS_PORT: int = ENV["SMTPS_PORT"]
INBOUND_PORT: int = ENV["INBOUND_PORT"]
INBOUND_ADDRESSES: list[str] = ENV["INBOUND_ADDRESSES"]
SMTP_HOSTNAME: str = ENV["SMTP_HOSTNAME"]
SMTP_TLS_CERT: str = ENV["SMTP_TLS_CERT"]
SMTP_TLS_KEY: str = ENV["SMTP_TLS_KEY"]
SMTP_SIZE_LIMIT: int = ENV["SMTP_SIZE_LIMIT"]
DISK_RESERVE_MB: int = ENV["DISK_RESERVE_MB"]
SMTP_RCPT_LIMIT: int = ENV["SMTP_RCPT_LIMIT"]
SMTP_MEMORY_MB: int = ENV["SMTP_MEMORY_MB"]
INBOUND_CONNECTIONS_PER_PEER: int = ENV["INBOUND_CONNECTIONS_PER_PEER"]
EGRESS: str = ENV["EGRESS"]
EGRESS_PORT: int = ENV["EGRESS_PORT"]
EGRESS_PRIVATE_NETS: list[str] = ENV["EGRESS_PRIVATE_NETS"]
EGRESS_WORKERS: int = ENV["EGRESS_WORKERS"]
WORKER_HOST: str = (ENV["WORKER_HOST"] or socket.gethostname()).lower()
EGRESS_SESSIONS: int = ENV["EGRESS_SESSIONS"]
LEASE_SECONDS: int = ENV["LEASE_SECONDS"]
EGRESS_TIMEOUT: float = ENV["EGRESS_TIMEOUT"]
EGRESS_DOT_TIMEOUT: float = ENV["EGRESS_DOT_TIMEOUT"]
GLOBAL_BLOCK_ACCOUNTS: int = ENV["GLOBAL_BLOCK_ACCOUNTS"]
RETRY_SCALE: float = ENV["RETRY_SCALE"]
COMPLAINT_PAUSE_PERCENT: float = ENV["COMPLAINT_PAUSE_PERCENT"]
COMPLAINT_PAUSE_DELIVERED: int = ENV["COMPLAINT_PAUSE_DELIVERED"]
EGRESS_TLS_VERIFY: bool = ENV["EGRESS_TLS_VERIFY"]
MTA_STS_PORT: int = ENV["MTA_STS_PORT"]
MACHINE_NETWORKS: list[str] = ENV["MACHINE_NETWORKS"]
WEBHOOK_PRIVATE_NETS: list[str] = ENV["WEBHOOK_PRIVATE_NETS"]
WEBHOOK_PORTS: list[int] = ENV["WEBHOOK_PORTS"]
WEBHOOK_SECONDS: float = ENV["WEBHOOK_SECONDS"]
WEBHOOK_PARALLEL: int = ENV["WEBHOOK_PARALLEL"]
WEBHOOK_RATE: float = ENV["WEBHOOK_RATE"]
WEBHOOK_CONNECTIONS: int = ENV["WEBHOOK_CONNECTIONS"]
WEBHOOK_DAYS: int = ENV["WEBHOOK_DAYS"]
DNS_SERVERS: list[str] = ENV["DNS_SERVERS"]
DNS_PORT: int = ENV["DNS_PORT"]
DNS_VALIDATES: bool = ENV["DNS_VALIDATES"]
DNSD_ZONE: str = ENV["DNSD_ZONE"]
DNSD_BIND: str = ENV["DNSD_BIND"]
DNSD_PORT: int = ENV["DNSD_PORT"]
DNSD_NS: list[str] = ENV["DNSD_NS"] or [f"{name}.{DNSD_ZONE}" for name in ("ns1", "ns2")]
DNSD_ADDRESSES: list[str] = ENV["DNSD_ADDRESSES"]
DNSD_RATE: int = ENV["DNSD_RATE"]
DKIM_ROTATE_DAYS: int = ENV["DKIM_ROTATE_DAYS"]
DKIM_RETIRE_DAYS: int = ENV["DKIM_RETIRE_DAYS"]
BLOCKLISTS: bool = ENV["BLOCKLISTS"]
SANDBOX: bool = ENV["SANDBOX"]
SANDBOX_SMTP_PORT: int = ENV["SANDBOX_SMTP_PORT"]
SANDBOX_DNS_PORT: int = ENV["SANDBOX_DNS_PORT"]
PLATFORM_DOMAIN: str = ENV["PLATFORM_DOMAIN"]
PLATFORM_FROM: str = ENV["PLATFORM_FROM"]
MAIL_HOST: str = ENV["MAIL_HOST"] or f"mx.{PLATFORM_DOMAIN}"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tokens.api.authentication.BearerKey"],
    "DEFAULT_PERMISSION_CLASSES": ["tokens.api.authentication.HasScope"],
    "DEFAULT_PARSER_CLASSES": ["config.rest.JSONBody"],
    "DEFAULT_RENDERER_CLASSES": ["config.rest.JSONAnswer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.rest.OnlyJSON",
    "DEFAULT_METADATA_CLASS": None,
    "EXCEPTION_HANDLER": "config.rest.answer_error",
    "UNAUTHENTICATED_USER": None,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "config.logs.OneLine"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": ENV["LOG_LEVEL"]},
    "loggers": {"httpx": {"level": "WARNING"}},  # its INFO is a line per request, URL and all
}
