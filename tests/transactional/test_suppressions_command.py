import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.cast import Cast
from transactional import suppressions
from transactional.models import Suppression, SuppressionChange, SuppressionReason


def run(*words: object) -> tuple[str, str]:
    out, err = io.StringIO(newline=""), io.StringIO()
    call_command("suppressions", *map(str, words), stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_a_list_goes_in_and_comes_out(cast: Cast, tmp_path: Path) -> None:
    file = tmp_path / "bounces.csv"
    file.write_text(
        "address,code,error,created_at\n"
        "Ann@far.example,550,No such user,x\n"
        "bob@far.example,550,Message blocked as spam,x\n"
        "nonsense,550,No such user,x\n"
    )
    out, err = run("import", cast.account.pk, file)
    assert out == "Read as Mailgun: 1 new, 0 known, 2 left out.\n"
    assert err.splitlines() == [
        "line 3: the receiver refused the sender, not this address",
        "line 4: not one email address",
    ]
    log = SuppressionChange.objects.of(cast.account).get()
    assert (log.by, log.what) == ("manage.py", "imported")
    out, _ = run("export", cast.account.pk)
    lines = out.split("\r\n")
    assert lines[0] == "address,reason,scope,evidence,message,added"
    assert lines[1].startswith("ann@far.example,hard_bounce,all,550 No such user,,")
    again = tmp_path / "own.csv"
    again.write_text(out, newline="")
    out, _ = run("import", cast.other_account.pk, again)
    assert out == "Read as Postino: 1 new, 0 known, 0 left out.\n"
    assert Suppression.objects.count() == 2


def test_what_cannot_be_read_is_said(cast: Cast, tmp_path: Path) -> None:
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    with pytest.raises(CommandError, match="names no columns"):
        run("import", cast.account.pk, empty)
    with pytest.raises(CommandError, match="No such file"):
        run("import", cast.account.pk, tmp_path / "nothing.csv")
    with pytest.raises(CommandError, match="no account 999999"):
        run("export", 999999)
    assert not SuppressionChange.objects.exists()


def test_an_undo_counts_and_then_does_it(cast: Cast) -> None:
    for address in ("a@far.example", "b@near.example"):
        suppressions.add(cast.account.pk, address, reason=SuppressionReason.HARD_BOUNCE)
    asked = ("undo", cast.account.pk, "--domain", "far.example", "--since", "2020-01-01T00:00Z")
    out, _ = run(*asked)
    assert out == "hard_bounce: 1\n1 fit; --yes takes them off.\n"
    assert Suppression.objects.count() == 2
    out, _ = run(*asked, "--yes", "--why", "their outage")
    assert out == "hard_bounce: 1\n1 taken off.\n"
    assert Suppression.objects.get().address == "b@near.example"
    log = SuppressionChange.objects.of(cast.account).get()
    assert (log.address, log.by, log.why) == ("a@far.example", "manage.py", "their outage")
    out, _ = run(*asked, "--yes", "--why", "again")
    assert out == "0 taken off.\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "whole list"),
        (["--since", "yesterday"], "not a moment"),
        (["--domain", "x.example", "--reason", "rumour"], "must be among"),
        (["--domain", "x.example", "--yes"], "Say --why"),
    ],
)
def test_an_undo_that_says_too_little_is_refused(cast: Cast, words: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run("undo", cast.account.pk, *words)


def test_an_export_in_the_form_of_another_service(cast: Cast) -> None:
    suppressions.add(cast.account.pk, "a@far.example", reason=SuppressionReason.COMPLAINT)
    out, _ = run("export", cast.account.pk, "--form", "ses")
    assert out == "a@far.example,COMPLAINT\r\n"
