"""Blocks kept under a name."""

from typing import Any

import pytest

from config.errors import PostinoError
from tests.cast import Cast
from transactional.compose import saved
from transactional.compose.document import schema
from transactional.models import SavedBlock

BY = "alice@shop.example"


def section(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"id": "s", "columns": [1], "blocks": [list(blocks)]}


def text(name: str = "b", html: str = "<p>Hi</p>") -> dict[str, Any]:
    return {"id": name, "type": "text", "props": {"html": html}}


def kept(cast: Cast, name: str = "Greeting", **more: Any) -> SavedBlock:
    how = {"section": section(text()), "whole": False, "by": BY, "may_html": False, **more}
    return saved.save(cast.account, name=name, **how)


def test_what_is_kept_is_checked_and_clean(cast: Cast) -> None:
    one = kept(cast, section=section(text(html="<p onclick=x>Hi<script>alert(1)</script></p>")))
    assert one.content["blocks"][0][0]["props"]["html"] == "<p>Hi</p>"
    assert saved.listed(cast.account, may_html=False) == [one]
    assert saved.listed(cast.other_account, may_html=True) == []
    for bad in (None, [], {"id": "s"}, section({"id": "b", "type": "nonsense"})):
        with pytest.raises(schema.DocumentRefused):
            kept(cast, "Bad", section=bad)


def test_a_name_is_taken_once(cast: Cast) -> None:
    one = kept(cast)
    two = kept(cast, "Other")
    for act in (lambda: kept(cast), lambda: saved.rename(two, " Greeting ")):
        with pytest.raises(PostinoError) as caught:
            act()
        assert (caught.value.refusal.code, caught.value.refusal.http) == ("SAVED_NAME", 409)
    saved.rename(one, "Hello")
    assert [row.name for row in saved.listed(cast.account, may_html=False)] == ["Hello", "Other"]
    for bad in ("", " \n", "x" * 201):
        with pytest.raises(PostinoError):
            kept(cast, bad)


def test_html_is_kept_and_offered_to_developers_alone(cast: Cast) -> None:
    html = section({"id": "b", "type": "html", "props": {"code": "<b>x</b>"}})
    with pytest.raises(PostinoError) as caught:
        kept(cast, section=html)
    assert caught.value.refusal.code == "SAVED_HTML"
    one = kept(cast, section=html, may_html=True)
    assert saved.listed(cast.account, may_html=False) == []
    assert saved.listed(cast.account, may_html=True) == [one]


def test_nothing_and_too_much_are_refused(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PostinoError) as caught:
        kept(cast, section=section())
    assert caught.value.refusal.code == "SAVED_EMPTY"
    monkeypatch.setattr(saved, "MOST", 1)
    kept(cast)
    with pytest.raises(PostinoError) as caught:
        kept(cast, "Second")
    assert caught.value.refusal.code == "SAVED_MANY"
