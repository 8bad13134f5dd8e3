"""A person's browser over real HTTP: cookies, forms with their CSRF token, pages as text."""

import html
import re
import time
from types import TracebackType
from typing import Self

import httpx

AGENT = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36"
)
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3})")
_METRIC = re.compile(r'data-metric="(\w+)">([^<]*)<')


class Browser:
    """Raises AssertionError where a page answers with an error."""

    def __init__(self, origin: str) -> None:
        self._http = httpx.Client(
            base_url=origin,
            headers={"User-Agent": AGENT, "Accept-Language": "en"},
            follow_redirects=True,
            trust_env=False,
            timeout=60,
        )
        self.home = ""  # the account's prefix: /a/<n>/
        self.at = ""  # where the last form led to

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def get(self, path: str) -> str:
        answer = self._http.get(path)
        assert answer.status_code == 200, (path, answer.status_code)
        return answer.text

    def submit(self, page: str, action: str, **fields: str) -> str:
        """Fill in the form of `page` that leads to `action`; the answer's text."""
        token = _TOKEN.search(self.get(page))
        assert token, f"{page} has no form"
        answer = self._http.post(action, data={"csrfmiddlewaretoken": token[1], **fields})
        assert answer.is_success, (action, answer.status_code, answer.text[:2000])
        self.home = "/".join(answer.url.path.split("/")[:3]) + "/"
        self.at = answer.url.path
        return answer.text

    def hand_in(
        self, page: str, action: str, field: str, file: tuple[str, bytes], **fields: str
    ) -> str:
        """As `submit`, with a file: its name and its octets."""
        token = _TOKEN.search(self.get(page))
        assert token, f"{page} has no form"
        data = {"csrfmiddlewaretoken": token[1], **fields}
        answer = self._http.post(action, data=data, files={field: file})
        assert answer.is_success, (action, answer.status_code, answer.text[:2000])
        self.at = answer.url.path
        return answer.text

    def sign_in(self, username: str, password: str) -> None:
        """Through the form, to the account's first page."""
        self.submit("/login/", "/login/", username=username, password=password)
        assert re.fullmatch(r"/a/\d+/", self.home), self.home

    def figures(self, page: str) -> dict[str, str]:
        """The numbers of a performance page, as a person reads them but for the commas in counts."""
        found = _METRIC.findall(self.get(page))
        plain = {name: html.unescape(text).replace("\xa0", " ").strip() for name, text in found}
        return {name: _THOUSANDS.sub("", text) for name, text in plain.items()}

    def figures_within(self, page: str, seconds: float, wanted: dict[str, str]) -> dict[str, str]:
        """Look until the page shows these, or the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            shown = self.figures(page)
            seen = {name: shown.get(name, "?") for name in wanted}
            if seen == wanted or time.monotonic() > deadline:
                return seen
            time.sleep(0.2)
