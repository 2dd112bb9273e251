"""JSON Schema in documents: checks of values against the schemas of a document."""

from copy import deepcopy
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker


def errors(document: dict[str, Any], schema: dict[str, Any], value: Any) -> list[str]:
    """Return what is wrong with a value of a schema, whose references lead into the document."""
    components = {"components": {"schemas": document["components"]["schemas"]}}
    validator = Draft202012Validator({**schema, **components}, format_checker=FormatChecker(["uuid", "date-time"]))
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def closed(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document whose component schemas refuse properties that they do not describe."""
    document = deepcopy(document)
    for schema in document["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return document


def references(value: Any) -> set[str]:
    """Return everything that a part of a document refers to."""
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*map(references, value.values()))
    return set().union(*map(references, value)) if isinstance(value, list) else set()


def lookup(document: Any, reference: str) -> Any:
    """Return what a reference leads to. Raises `KeyError` when it leads nowhere."""
    for name in reference.removeprefix("#/").split("/"):
        document = document[name.replace("~1", "/").replace("~0", "~")]
    return document
