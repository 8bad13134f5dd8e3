"""Which user agents are programs that nobody reads mail with: words that they use of themselves.

Only what a program says of itself is listed, so nothing here can be a person's browser or mail
program. Pictures that Google, Yahoo and others load through a proxy are loaded when a person
opens: those are people's.
"""

import re
from functools import lru_cache

# Loaded for a person who reads; looked at first, as a proxy's name may hold one of the words below
PEOPLE = re.compile(
    r"GoogleImageProxy|YahooMailProxy|YahooCacheSystem|DuckDuckGo|CUBOT|OutlookMobile|Microsoft Outlook|"
    r"ms-office|Thunderbird",
    re.I,
)

# Apple's Mail Privacy Protection says no more than this, to the letter
PRIVACY = "Mozilla/5.0"

PROGRAMS = re.compile(
    # robots, and what looks at a link for a chat or a search
    r"bot(?![a-z])|crawl|spider|slurp|archiver|preview|unfurl|externalhit|facebookcatalog|"
    r"WhatsApp/|Snapchat|Embedly|Iframely|vkShare|"
    # scanners of mail and links
    r"scan|antivirus|safelinks|url-?defen[sc]e|proofpoint|mimecast|barracuda|ironport|"
    r"fireeye|trellix|symantec|forcepoint|sophos|trend ?micro|cyren|checkpoint|zscaler|"
    r"urlcheck|link-?check|linkvalidator|existence discovery|validator|monitor(?:ing)?\b|uptime|"
    # libraries and tools
    r"curl|wget|libwww|lwp::|python|aiohttp|httpx|scrapy|okhttp|go-http-client|"
    r"java/|apache-httpclient|jakarta|axios|node-fetch|undici|got \(|guzzle|php/|ruby|"
    r"faraday|rest-client|httpie|postmanruntime|insomnia|libcurl|winhttp|powershell|"
    r"dart:io|reqwest|hyper/|deno/|"
    # browsers without a person
    r"headless|phantomjs|puppeteer|playwright|selenium|slimerjs|htmlunit|splash",
    re.I,
)


@lru_cache(maxsize=4096)  # readers share a few; what strangers make up pushes nobody out for long
def is_program(user_agent: str) -> bool:
    """Whether this user agent says that nobody is looking."""
    return not PEOPLE.search(user_agent) and PROGRAMS.search(user_agent) is not None
