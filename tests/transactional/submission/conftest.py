"""A submission server on free ports, and a token to use it with."""

import smtplib
import ssl
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.transactional.loops import running
from tests.transactional.submission.senders import email, key, send, smtp_principal  # noqa: F401 — fixtures
from tokens import credentials, throttle
from tokens.models import Account, SmtpCredential
from transactional.listener import Listeners
from transactional.models import Campaign
from transactional.submission.batch import GroupCommit
from transactional.submission.server import Submission, open_doors, tls_files

SIZE, RCPTS = 200_000, 5  # a line of 100,000 octets fits


@dataclass
class Door:
    port: int
    tls_port: int
    ca_file: str

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)

    def starttls(self) -> smtplib.SMTP:
        client = smtplib.SMTP("127.0.0.1", self.port, timeout=30)
        client.starttls(context=self.context())
        return client

    def implicit(self) -> smtplib.SMTP:
        return smtplib.SMTP_SSL("127.0.0.1", self.tls_port, timeout=30, context=self.context())


@dataclass
class Token:
    row: SmtpCredential
    password: str

    @property
    def username(self) -> str:
        return self.row.username


@pytest.fixture
def door(transactional_db: None, settings: Settings, tmp_path: Path) -> Iterator[Door]:
    settings.DATA_DIR = tmp_path
    settings.SMTP_PORT = settings.SMTPS_PORT = 0
    settings.SMTP_SIZE_LIMIT, settings.SMTP_RCPT_LIMIT = SIZE, RCPTS
    throttle.forget()

    async def serve() -> AsyncIterator[tuple[int, int]]:
        commits = GroupCommit()
        handler = Submission(commits)
        listeners = Listeners()
        yield await open_doors(listeners, handler, auth_delay=0.01)
        await listeners.close()
        await commits.close()
        await handler.close()

    with running(serve) as server:
        yield Door(*server.value, ca_file=str(tls_files().cert))
    throttle.forget()


@pytest.fixture
def token(account: Account) -> Token:
    return make_token(account)


def make_token(account: Account) -> Token:
    row, password = credentials.create_smtp(
        account, campaign_name="Receipts", create_contact=False, by="alice"
    )
    Campaign.objects.open_for(row)
    return Token(row, password)


def letter(subject: str = "Hi", sender: str = "orders@shop.example", body: str = "Hello") -> bytes:
    return (
        f"From: Shop <{sender}>\r\nTo: <reader@far.example>\r\nSubject: {subject}\r\n\r\n{body}\r\n"
    ).encode()
