"""The only place that starts Chromium, for tests and bench: Debian's, of whatever form is installed."""

from pathlib import Path

from playwright.sync_api import Browser, Playwright

# The first is the same engine without a window around each page, which takes less CPU
_FORMS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
CHROMIUM = next((path for path in _FORMS if path.exists()), None)
WANTED = f"{_FORMS[0]} is not installed, nor {_FORMS[1]}"


def launch(playwright: Playwright) -> Browser:
    """A browser, which ends with its driver. Needs CHROMIUM."""
    assert CHROMIUM is not None, WANTED
    return playwright.chromium.launch(
        executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"]
    )
