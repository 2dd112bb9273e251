"""Makes the Postman collection and environment from the OpenAPI document: `make postman`.

`--check` says whether they are those that would be made, and leaves them alone.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]

from steps import FIELDS, FOLDERS, PATH, Step  # noqa: E402

NAMESPACE = UUID("3c3f6a0e-5a1f-4d0a-9f86-2f3b5d3c7a55")
SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
METHODS = ("get", "put", "post", "delete", "patch")
#: The variables of a run; `base_url` is the environment's.
VARIABLES = sorted({name for steps in FOLDERS.values() for step in steps for name in step.saves} | {"tomorrow"})

DESCRIPTION = (
    "Every request of the server, in an order in which each finds what it needs: run the collection from the top.\n\n"
    "Set `base_url` in the environment. People sign up in the first folder; their ids and tokens go into variables, as "
    "do the ids of what is made. Where the server signs no tokens, in open mode, requests say who acts by `user_id` "
    "alone."
)

BEFORE = [
    "pm.collectionVariables.set('tomorrow', new Date(Date.now() + 24 * 3600 * 1000).toISOString());",
    "const header = pm.request.headers.get('Authorization');",
    "if (header && /^Bearer\\s*$/.test(pm.variables.replaceIn(header))) pm.request.headers.remove('Authorization');",
]


def load_document() -> dict[str, Any]:
    """Return the OpenAPI document of a server in open mode, where requests name who acts."""
    import warnings

    warnings.simplefilter("ignore")
    from chat.app import create_app
    from chat.config import Config

    app = create_app(Config(auth_mode="open", database_url="postgresql://nowhere/x").checked())
    return dict(json.loads(app.extensions["openapi"]()))


def build(document: dict[str, Any]) -> dict[str, str]:
    """Return the files by their names."""
    operations = {
        operation["operationId"]: (method, path, item.get("parameters", []), operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    }
    left_out = operations.keys() - {step.operation for steps in FOLDERS.values() for step in steps}
    if left_out:
        sys.exit(f"clients/postman/steps.py has no step for {', '.join(sorted(left_out))}")
    folders = [
        {"name": name, "item": [request(document, step, *operations[step.operation]) for step in steps]}
        for name, steps in FOLDERS.items()
    ]
    collection = {
        "info": {"_postman_id": make_id("collection"), "name": "Chat", "description": DESCRIPTION, "schema": SCHEMA},
        "item": folders,
        "event": [script("prerequest", BEFORE)],
        "variable": [{"key": name, "value": ""} for name in VARIABLES],
    }
    environment = {
        "id": make_id("environment"),
        "name": "Chat on this machine",
        "values": [{"key": "base_url", "value": "http://127.0.0.1:3000", "type": "default", "enabled": True}],
        "_postman_variable_scope": "environment",
    }
    return {
        "chat.postman_collection.json": written(collection),
        "chat.postman_environment.json": written(environment),
    }


def request(
    document: dict[str, Any], step: Step, method: str, path: str, in_path: list[Any], operation: dict[str, Any]
) -> dict[str, Any]:
    """Return a request of the collection."""
    title = step.title or operation["summary"].rstrip(".").partition(":")[0].partition(";")[0]
    made: dict[str, Any] = {
        "method": method.upper(),
        "header": [{"key": "Authorization", "value": f"Bearer {{{{{step.by}_token}}}}"}]
        if is_private(operation, step)
        else [],
        "url": url(step, path, parameters(document, operation)),
        "description": " ".join([operation["summary"], *operation.get("description", "").split("\n")]).strip(),
    }
    content = operation.get("requestBody", {}).get("content", {})
    if content:
        made |= body(step, content)
    saved = [f"pm.collectionVariables.set('{name}', answer.{place} ?? '');" for name, place in step.saves.items()]
    test = ["pm.test('200', () => pm.response.to.have.status(200));"]
    test += ["const answer = pm.response.json();", *saved] if saved else []
    return {"name": title, "request": made, "response": [], "event": [script("test", test)]}


def is_private(operation: dict[str, Any], step: Step) -> bool:
    return bool(step.by) and operation["security"] != []


def parameters(document: dict[str, Any], operation: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parameters of the query."""
    found = [follow(document, each) for each in operation.get("parameters", [])]
    return [each for each in found if each["in"] == "query"]


def follow(document: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in value:
        for name in value["$ref"].removeprefix("#/").split("/"):
            value = document[name] if name in document else value[name]
    return value


def url(step: Step, path: str, query: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the address as Postman keeps it; parameters without a value are there, switched off."""
    filled = re.sub(r"\{(\w+)\}", lambda found: str(step.path.get(found[1], PATH.get(found[1]))), path)
    asked = []
    for each in query:
        value = field(step, each["name"], each.get("example"), step.query)
        shown = {"key": each["name"], "value": "" if value is None else str(value)}
        asked.append(
            shown | {"description": each.get("description", "")} | ({"disabled": True} if value is None else {})
        )
    text = "&".join(f"{each['key']}={each['value']}" for each in asked if "disabled" not in each)
    made: dict[str, Any] = {
        "raw": "{{base_url}}" + filled + (f"?{text}" if text else ""),
        "host": ["{{base_url}}"],
        "path": filled.strip("/").split("/"),
    }
    return made | ({"query": asked} if asked else {})


def body(step: Step, content: dict[str, Any]) -> dict[str, Any]:
    """Return the body: JSON, or a form with a file."""
    (kind, described), *_ = content.items()
    names = dict.fromkeys([*described.get("example", {}), *step.body])
    fields = {name: field(step, name, described.get("example", {}).get(name), step.body) for name in names}
    fields = {name: value for name, value in fields.items() if value is not None}
    if kind == "multipart/form-data":
        form = [{"key": name, "value": str(value), "type": "text"} for name, value in fields.items()]
        return {"body": {"mode": "formdata", "formdata": [*form, {"key": "file", "type": "file", "src": "kettle.png"}]}}
    text = json.dumps(fields, indent=2, ensure_ascii=False)
    text = re.sub(r'"(\{\{\w+_(?:version|seq)\}\})"', r"\1", text)  # numbers
    return {"body": {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}}


def field(step: Step, name: str, example: Any, given: dict[str, Any]) -> Any:
    """Return what a field or a parameter holds; None for nothing."""
    if name in given:
        return given[name]
    if name in ("user_id", "owner_id"):
        return f"{{{{{step.by}_id}}}}" if step.by else None
    return FIELDS.get(name, example) if example is not None else None


def script(listen: str, lines: list[str]) -> dict[str, Any]:
    return {"listen": listen, "script": {"type": "text/javascript", "exec": lines}}


def make_id(name: str) -> str:
    return str(uuid5(NAMESPACE, name))


def written(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    made = build(load_document())
    stale = [name for name, text in made.items() if not (HERE / name).exists() or (HERE / name).read_text() != text]
    if "--check" in sys.argv:
        sys.exit(f"{', '.join(stale)}: not what the OpenAPI document makes; run `make postman`" if stale else 0)
    for name, text in made.items():
        (HERE / name).write_text(text)


if __name__ == "__main__":
    main()
