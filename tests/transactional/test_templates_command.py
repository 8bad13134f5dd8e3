"""Emails as files in git: the same bytes out as in, nobody's work overwritten, broken ones told."""

import subprocess
from io import StringIO
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.core.management import CommandError, call_command

from tests.cast import Cast, make_email
from tests.transactional.api.conftest import make_key
from tokens.models import Account
from transactional.compose import drafts, samples
from transactional.models import Email, Kind
from transactional.views import starter

pytestmark = pytest.mark.django_db


def run(action: str, folder: Path, account: Account | None, **options: Any) -> str:
    out = StringIO()
    given = {"account": account.pk} if account is not None else {}
    call_command("templates", action, str(folder), stdout=out, **given, **options)
    return out.getvalue()


def refused(action: str, folder: Path, account: Account | None, **options: Any) -> CommandError:
    with pytest.raises(CommandError) as err:
        run(action, folder, account, **options)
    return err.value


def bytes_of(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def pair(cast: Cast) -> tuple[Email, Email]:
    """One of blocks, one of HTML with a text by hand and two sample sets."""
    fields = starter.from_template(
        cast.account, "receipt", name="Receipt — Ünï", kind=Kind.TRANSACTIONAL, language="en",
        domains=["shop.example"],
    )  # fmt: skip
    composed = drafts.create(cast.account, fields, by="alice")
    written = make_email(cast.account, name="Plain", text="By hand", contract=[
        {"name": "order_id", "type": "string", "required": True, "secret": False}],
        sample={"custom": {"order_id": "A"}, "contact": {"firstname": "Anna"}},
    )  # fmt: skip
    samples.create(written, name="Second / set", data={"custom": {"order_id": "B"}}, by="a")
    return composed, written


def test_pulled_twice_is_pulled_the_same_and_pushed_back_changes_nothing(
    cast: Cast, pair: tuple[Email, Email], tmp_path: Path
) -> None:
    assert run("pull", tmp_path, cast.account).count("pulled ") == 2
    first = bytes_of(tmp_path)
    assert {name.split("/")[0] for name in first} == {
        f"receipt-n-{pair[0].pk}", f"plain-{pair[1].pk}",
    }  # fmt: skip
    assert f"plain-{pair[1].pk}/body.html" in first and f"plain-{pair[1].pk}/text.txt" in first
    assert sum("/samples/" in name for name in first) == 3
    assert run("pull", tmp_path, cast.account).count("unchanged") == 2
    assert run("push", tmp_path, cast.account).count("unchanged") == 2
    assert bytes_of(tmp_path) == first
    assert [one.revision for one in Email.objects.of(cast.account)] == [1, 1]


def test_an_edit_is_pushed_and_may_be_published(
    cast: Cast, pair: tuple[Email, Email], tmp_path: Path
) -> None:
    run("pull", tmp_path, cast.account)
    folder = tmp_path / f"plain-{pair[1].pk}"
    (folder / "body.html").write_text("<p>New {{ custom.order_id }}</p>")
    said = run("push", folder, cast.account, publish=True, note="From git")
    assert "published" in said and "as v1" in said
    email = Email.objects.of(cast.account).get(pk=pair[1].pk)
    assert email.html == "<p>New {{ custom.order_id }}</p>" and email.text == "By hand"
    assert email.published is not None and email.published.note == "From git"
    assert orjson.loads((folder / "email.json").read_bytes())["revision"] == 2


def test_a_push_never_overwrites_what_somebody_changed_there(
    cast: Cast, pair: tuple[Email, Email], tmp_path: Path
) -> None:
    run("pull", tmp_path, cast.account)
    Email.objects.of(cast.account).filter(pk=pair[1].pk).update(revision=2, subject="Theirs")
    folder = tmp_path / f"plain-{pair[1].pk}"
    (folder / "body.html").write_text("<p>Mine</p>")
    err = refused("push", tmp_path, cast.account)
    assert err.returncode == 3 and "changed there" in str(err)
    email = Email.objects.of(cast.account).get(pk=pair[1].pk)
    assert (email.subject, email.revision) == ("Theirs", 2) and "Mine" not in email.html


def test_new_files_become_a_new_email_and_a_renamed_folder_stays_one(
    cast: Cast, tmp_path: Path
) -> None:
    folder = tmp_path / "welcome"
    folder.mkdir()
    (folder / "email.json").write_bytes(orjson.dumps({"name": "Welcome", "subject": "Hi"}))
    (folder / "body.html").write_text("<p>Hello</p>")
    assert "pushed" in run("push", tmp_path, cast.account)
    email = Email.objects.of(cast.account).get()
    assert orjson.loads((folder / "email.json").read_bytes())["id"] == str(email.pk)
    assert run("pull", tmp_path, cast.account).split()[0] == "unchanged"
    assert [one.name for one in tmp_path.iterdir()] == ["welcome"]


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("body.html", "<p>{{ custom.nothing }}</p>", "custom.nothing"),
        ("body.html", "<p>{{ x", "line 1"),
        ("email.json", '{"name": "P", "contract": [{"name": "1"}]}', "/contract/0/name"),
        ("email.json", '{"name": "P", "contract": [{"name": "voucher"}]}', "/voucher: is required"),
        ("samples/default.json", '{"name": "default", "data": {"custom": {}}}', "order_id"),
    ],
)
def test_tests_fail_with_a_code_for_ci_and_leave_the_account_alone(
    cast: Cast, pair: tuple[Email, Email], tmp_path: Path, file: str, content: str, sentence: str
) -> None:
    run("pull", tmp_path, cast.account)
    folder = tmp_path / f"plain-{pair[1].pk}"
    assert "FAILED" not in run("test", folder, cast.account)
    (folder / file).write_text(content)
    out = StringIO()
    with pytest.raises(CommandError) as err:
        call_command("templates", "test", str(folder), account=cast.account.pk, stdout=out)
    assert err.value.returncode == 1
    assert sentence.lower() in out.getvalue().lower()
    email = Email.objects.of(cast.account).get(pk=pair[1].pk)
    assert (email.revision, email.text) == (1, "By hand")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"{", "not valid JSON"), (b"[]", "JSON object"), (b'{"id": 7}', "id is text"),
     (b'{"name": "\xff"}', "not valid JSON")],
)  # fmt: skip
def test_files_that_cannot_be_read_are_named(
    cast: Cast, tmp_path: Path, content: bytes, sentence: str
) -> None:
    (tmp_path / "email.json").write_bytes(content)
    said = str(refused("push", tmp_path, cast.account))
    assert sentence in said and "email.json" in said


def test_what_is_not_named_is_asked_for(cast: Cast, tmp_path: Path) -> None:
    assert "--account" in str(refused("pull", tmp_path, None))
    assert "--key-file" in str(refused("pull", tmp_path, None, url="http://127.0.0.1:1"))
    assert "no email" in str(refused("push", tmp_path, cast.account))
    key = tmp_path / "key"
    key.write_text("pk_x")
    remote = {"url": "http://127.0.0.1:1", "key_file": key}
    assert "cannot be reached" in str(refused("pull", tmp_path, None, **remote))


@pytest.mark.django_db(transaction=True)
def test_another_installation_is_spoken_to_by_its_api(
    cast: Cast, pair: tuple[Email, Email], tmp_path: Path, live_server: Any
) -> None:
    key = tmp_path / "key"
    key.write_text(make_key(cast.account, "content", "publish", "transactional-email"))
    remote = {"url": live_server.url, "key_file": key}
    run("pull", tmp_path / "there", None, **remote)
    run("pull", tmp_path / "here", cast.account)
    assert bytes_of(tmp_path / "there") == bytes_of(tmp_path / "here")
    folder = tmp_path / "there" / f"plain-{pair[1].pk}"
    assert "ok" in run("test", folder, None, **remote)
    (folder / "body.html").write_text("<p>Remote {{ custom.order_id }}</p>")
    assert "published" in run("push", folder, None, publish=True, **remote)
    email = Email.objects.of(cast.account).get(pk=pair[1].pk)
    assert email.published is not None and "Remote" in email.published.html
    Email.objects.of(cast.account).filter(pk=email.pk).update(revision=9, subject="Theirs")
    (folder / "body.html").write_text("<p>Again</p>")
    assert refused("push", folder, None, **remote).returncode == 3
    key.write_text(make_key(cast.other_account, "content"))
    assert "FAILED" in _out("test", folder, **remote)


def _out(action: str, folder: Path, **options: Any) -> str:
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("templates", action, str(folder), stdout=out, **options)
    return out.getvalue()


def test_git_sees_no_difference_between_two_pulls(
    cast: Cast, pair: tuple[Email, Email], tmp_path: Path
) -> None:
    run("pull", tmp_path, cast.account)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t.example", "-C", str(tmp_path)]
    for step in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Pull"]):
        subprocess.run([*git, *step], check=True)
    run("pull", tmp_path, cast.account)
    run("push", tmp_path, cast.account)
    status = subprocess.run([*git, "status", "--porcelain"], check=True, capture_output=True)
    assert status.stdout == b""
