"""The README's own commands, pasted: from the call to the numbers on the page."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.installation import ROOT, Installation
from tests.trips.browser import AGENT, Browser
from tests.trips.reader import Reader, open_as_people_do

pytestmark = pytest.mark.stack
BLOCKS = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.S)


def pasted(installation: Installation, tool: str, to: str) -> str:
    """The README's block with this tool: only folder, ports and recipient are the reader's own."""
    (block,) = [one for one in BLOCKS if re.search(rf"^{tool} ", one, re.M)]
    assert "anna@customer.sandbox.test" in block
    block = block.replace("data/quickstart.json", f"'{installation.data_dir}/quickstart.json'")
    block = block.replace("127.0.0.1:8000", f"127.0.0.1:{installation.ports['PORT']}")
    block = block.replace("--port 2587", f"--port {installation.ports['SMTP_PORT']}")
    return str(block.replace("anna@customer.sandbox.test", to))


def paste(script: str) -> str:
    done = subprocess.run(
        ["sh", "-e"],
        input=script,
        capture_output=True,
        text=True,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "no_proxy": "*"},
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_curl_command(
    shop: Installation, start: dict[str, Any], reader: Reader, owner: Browser
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    page = f"{owner.home}emails/{start['email_id']}/performance/"
    assert owner.figures(page)["sent"] == "0"

    answer = paste(pasted(shop, "curl", "curl@customer.sandbox.test"))
    assert '"status":"PENDING"' in answer.replace(" ", "")
    mail = reader.wait("curl@customer.sandbox.test")

    assert mail.parsed["Subject"] == "Your order A-10293"
    assert mail.parsed["From"] == "Demo shop <orders@shop.example>"
    assert "Anna" in mail.html
    for words in ("Espresso cups", "48.00 €", "Moka pot", "77.40 €", "125.40 €"):
        assert words in mail.html
    assert reader.signatures(mail) == [True, True]  # RSA and Ed25519

    with httpx.Client(headers={"User-Agent": AGENT}, trust_env=False) as person:
        seen, *targets = open_as_people_do(person, mail, links=len(mail.links))
    assert (seen.status_code, seen.headers["Content-Type"]) == (200, "image/gif")
    assert {one.status_code for one in targets} == {302}
    assert "https://shop.example/orders/A-10293" in [one.headers["Location"] for one in targets]

    wanted = {"sent": "1", "delivered": "1", "opens": "1", "clicks": "1"}
    rates = {"openratio": "100 %", "clickratio": "100 %", "deliveredratio": "100 %"}
    assert owner.figures_within(page, 60, wanted | rates) == wanted | rates


def test_the_swaks_command(shop: Installation, reader: Reader) -> None:
    if shutil.which("swaks") is None:
        pytest.skip("swaks is not installed")
    said = paste(pasted(shop, "swaks", "swaks@customer.sandbox.test"))
    assert re.search(r"250 2\.0\.0 queued as [0-9a-f-]{36}", said)
    mail = reader.wait("swaks@customer.sandbox.test")
    assert mail.parsed["Subject"] == "Your order"
    assert mail.parsed.get_content().strip() == "It is on its way."
    assert reader.signatures(mail) == [True, True]


def test_the_maildir_is_where_the_summary_says(shop: Installation, start: dict[str, Any]) -> None:
    assert Path(start["maildir"]) == shop.data_dir / "sandbox" / "maildir"
    for words in (start["url"], start["api_key"], start["smtp"]["password"], start["password"]):
        assert shop.said(words)
    assert (shop.data_dir / "quickstart.json").stat().st_mode & 0o777 == 0o600
