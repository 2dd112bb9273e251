"""Run one workload on one server and print what it came to as one line of JSON.

    python -m bench.load '{"workload": "sends", "server": {"url": "http://127.0.0.1:3000"}, "options": {"way": "rest"}}'

`failed` is in it when a message was not heard exactly once by everyone whom it was for. The exit code is not 0 when a
send was answered with an error, or not at all.
"""

import asyncio
import gc
import json
import sys
from typing import Any

import uvloop

from .crowds import come_back, crowd, flood, idle
from .faults import outage, stalled
from .sends import fanout, sends
from .stage import Server, staged
from .target import raise_open_files

WORKLOADS = {"sends": sends, "fanout": fanout, "idle": idle, "crowd": crowd, "return": come_back}
WORKLOADS |= {"flood": flood, "stalled": stalled, "outage": outage}
#: Seconds after which a workload is given up.
PATIENCE = 300


async def main(job: dict[str, Any]) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE), staged(Server(**job["server"])) as stage:
        result = await WORKLOADS[job["workload"]](stage, **job["options"])
        result |= {"sent": stage.ledger.sent, "heard": len(stage.ledger.deliveries)}
        if fault := stage.fault():
            result["failed"] = fault
        return result


if __name__ == "__main__":
    raise_open_files()
    gc.freeze()
    gc.disable()  # a run is short, and a pause of the collector would look like one of the server
    print(json.dumps(uvloop.run(main(json.loads(sys.argv[1])))))
