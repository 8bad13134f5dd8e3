import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from tests.cast import Cast
from transactional.models import Suppression, SuppressionChange


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
