"""A delivery process that dies where it builds a certain message: `python -m … SETTINGS-AS-JSON`.

Stands in for a message that exhausts the memory or breaks an engine below Python: the process ends
as if killed, in the middle of the build.
"""

import json
import os
import signal
import sys
import time
from typing import Any

import django


def main() -> None:
    django.setup()
    from django.conf import settings

    from transactional.compose.build import Built, Material
    from transactional.egress import conversation
    from transactional.egress.engine import Engine
    from transactional.models import Lane
    from transactional.queue import Job

    for name, value in json.loads(sys.argv[1]).items():
        setattr(settings, name, value)
    really = conversation.build

    def deadly(job: Job, material: Material, **options: Any) -> Built:
        if b"POISON" in (job.raw or b""):
            os.kill(os.getpid(), signal.SIGKILL)
        if b"STUMBLE" in (job.raw or b""):
            raise RuntimeError("nobody foresaw this")
        return really(job, material, **options)

    conversation.build = deadly
    Engine(list(Lane), sessions=4).start()
    time.sleep(600)


if __name__ == "__main__":
    main()
