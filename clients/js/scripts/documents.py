"""Write /openapi.json and /asyncapi.json as the server answers them into a directory: `documents.py <directory>`."""

import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))
warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")

from chat.app import create_app  # noqa: E402
from chat.config import Config  # noqa: E402

directory = Path(sys.argv[1])
app = create_app(Config(auth_mode="open", database_url="postgresql://none").checked())  # opens no connection
for name in ("openapi", "asyncapi"):
    (directory / f"{name}.json").write_text(app.extensions[name]())
