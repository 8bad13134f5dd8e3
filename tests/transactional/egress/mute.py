"""A delivery process that never gets to write down what receivers answer: `python -m … HOW SETTINGS-AS-JSON`.

HOW is `answered` (nor anything that is asked beside an answer), or `marked`: it stands still behind its durable markers.
It says `there` when it has come so far, and waits to be killed.
"""

import asyncio
import json
import sys
import time
from typing import Any

import django


def main() -> None:
    django.setup()
    from django.conf import settings

    from transactional import lifecycle
    from transactional.egress.engine import Engine
    from transactional.models import Lane

    how = sys.argv[1]
    for name, value in json.loads(sys.argv[2]).items():
        setattr(settings, name, value)
    really = lifecycle.flush

    async def flush(connection: Any, **batch: Any) -> Any:
        if how == "answered" and not batch["outcomes"]:
            return await really(connection, **batch)
        await really(connection, **{**batch, "outcomes": []})
        print("there", flush=True)
        await asyncio.sleep(3600)

    lifecycle.flush = flush
    Engine(list(Lane), sessions=4).start()
    time.sleep(600)


if __name__ == "__main__":
    main()
