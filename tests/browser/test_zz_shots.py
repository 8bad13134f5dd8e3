import pytest
from tests.browser.pages import PAGES, PUBLIC, make_world
pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
def test_shots(visitor, cast, settings, tmp_path):
    settings.DATA_DIR = tmp_path
    w = make_world(cast)
    for width, scheme in ((1280,"light"),(390,"dark")):
        with visitor.context(cast.alice, viewport={"width":width,"height":860}, color_scheme=scheme) as c:
            p=c.new_page()
            for n in ("email performance","messages","message, told in full"):
                p.goto(PAGES[n](w)); p.screenshot(path=f"/tmp/shot-{n.replace(' ','-').replace(',','')}-{width}.png", full_page=True)
