"""Run one workload on one server and print what it came to as one line of JSON.

    python -m bench.load '{"workload": "sends", "server": {"url": "http://127.0.0.1:3000"}, "options": {"way": "rest"}}'

The exit code is not 0 when a send failed, or when a message was not heard exactly once by everyone whom it was for.
"""

import asyncio
import gc
import json
import sys
from typing import Any

import uvloop

from .crowds import come_back, crowd, idle
from .sends import fanout, sends
from .stage import Server, staged
from .target import raise_open_files

WORKLOADS = {"sends": sends, "fanout": fanout, "idle": idle, "crowd": crowd, "return": come_back}
#: Seconds after which a workload is given up.
PATIENCE = 300


async def main(job: dict[str, Any]) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE), staged(Server(**job["server"])) as stage:
        result = await WORKLOADS[job["workload"]](stage, **job["options"])
        ledger = stage.ledger
        if ledger.missing or ledger.surplus:
            sys.exit(f"{ledger.sent} sends: {ledger.missing} deliveries are missing, {ledger.surplus} too many")
        return result | {"sent": ledger.sent, "heard": len(ledger.deliveries)}


if __name__ == "__main__":
    raise_open_files()
    gc.freeze()
    gc.disable()  # a run is short, and a pause of the collector would look like one of the server
    print(json.dumps(uvloop.run(main(json.loads(sys.argv[1])))))
