"""Types that pydantic 2 converts: models, its dataclasses and types, and annotations with its validators.

Pydantic decides which values it accepts, and how it writes them; paths, words and schemas are those of all other types.
Imported only if the author imported pydantic.
"""

from __future__ import annotations

import dataclasses
import types
import typing
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Secret, SecretBytes, SecretStr, TypeAdapter, ValidationError
from pydantic.errors import (
    PydanticInvalidForJsonSchema,
    PydanticSchemaGenerationError,
    PydanticUndefinedAnnotation,
    PydanticUserError,
)
from pydantic_core import PydanticSerializationError

from wasmcp.guest.errors import MismatchError, UnsupportedTypeError
from wasmcp.guest.json_types.base import Foreign, inlined, json_type_name
from wasmcp.guest.json_types.json_codec import encode
from wasmcp.guest.json_types.pydantic_errors import SchemaWriter, mismatch_of, schemas_at

if TYPE_CHECKING:
    from wasmcp.guest.json_types.base import Definitions

_PYTHON: dict[str, tuple[type, ...]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "integer": (int,),
    "number": (float,),
    "string": (str,),
    "array": (list,),
    "object": (dict,),
}
_NEAR: dict[str, type] = {"integer": float, "number": int}
_SECRETS = (Secret, SecretStr, SecretBytes)
_UNDEFINED = "class-not-fully-defined"
_UNUSED_CONFIG = "type-adapter-config-unused"


class Adapted(Foreign):
    """A type that pydantic converts.

    A model, a dataclass of pydantic and a TypedDict with a configuration follow their ``model_config``; all other
    types are strict, as everywhere: ``"5"`` is not an integer.

    Args:
        annotation: The type.
        title: The type as its author would write it.
        names: Names that forward references can use in addition to those of the module.

    Raises:
        NameError: The type refers to a name that does not exist yet.
        UnsupportedTypeError: Pydantic cannot convert the type.
    """

    joint = True

    def __init__(self, annotation: Any, title: str, names: Mapping[str, Any]) -> None:
        self.title = title
        self.python = annotation if isinstance(annotation, type) else None
        self._adapter, self._strict = _adapter(annotation, title, names)
        is_record = hasattr(annotation, "__pydantic_serializer__")
        self._class = self.python if is_record else None
        self._validate = self._adapter.validator.validate_json
        self._serialize = self._adapter.serializer.to_python
        self._schemas: dict[str, dict[str, Any] | UnsupportedTypeError] = {
            mode: self._written(mode) for mode in ("validation", "serialization")
        }
        accepted = self._schemas["validation"]
        self._accepted: dict[str, Any] = {} if isinstance(accepted, UnsupportedTypeError) else accepted
        kinds = _kinds(self._accepted)
        self.exact = tuple(dict.fromkeys(python for kind in kinds for python in _PYTHON[kind]))
        near = [_NEAR[kind] for kind in kinds if kind in _NEAR]
        self.near = tuple(python for python in near if python not in self.exact)
        self.name = " or ".join(kinds) if len(kinds) < len(_PYTHON) else "value"
        plain = not {list, dict} & set(self.exact)
        self.hashable = plain if self.python is None else self.python.__hash__ is not None
        sent = self._schemas["serialization"]
        self.is_object = not isinstance(sent, UnsupportedTypeError) and _kinds(sent) == ["object"]
        config = getattr(annotation, "model_config", None) or getattr(annotation, "__pydantic_config__", None) or {}
        self.secret = _has_secret(annotation, set())
        self._conceal = self.secret or bool(config.get("hide_input_in_errors"))

    def load(self, value: Any) -> Any:
        """Return the value that pydantic makes of a JSON value."""
        text = encode(_integral(value) if self._strict else value)
        try:
            return self._validate(text)
        except ValidationError as error:
            raise mismatch_of(error, value, text, self._accepted, conceal=self._conceal) from None

    def dump(self, value: Any) -> Any:
        """Return the JSON value that pydantic writes, by alias."""
        if self._class is not None and not isinstance(value, self._class):
            raise MismatchError(f"expected {self.title}, got {type(value).__name__}")
        try:
            return self._serialize(value, mode="json", by_alias=True, warnings="error")
        except PydanticSerializationError:  # its text contains values
            raise MismatchError(f"expected {self.title}, got a value that does not fit it") from None

    def schema(self, definitions: Definitions) -> dict[str, Any]:
        """Return the schema; that of a class can become a reference."""
        whole = self._of(definitions)
        if self.python is None or not issubclass(self.python, BaseModel) or "$ref" in whole:
            return definitions.adopt(whole)
        inner = whole.get("$defs", {})
        name = self.title
        while name in inner:
            name += "_"
        body = {key: value for key, value in whole.items() if key != "$defs"}
        return definitions.adopt({"$ref": f"#/$defs/{name}", "$defs": {**inner, name: body}})

    def body(self, definitions: Definitions) -> dict[str, Any]:
        """Return the schema in place."""
        return definitions.adopt(self._of(definitions))

    def object_schema(self) -> dict[str, Any] | None:
        """Return the schema of accepted objects with their members in place; None for another type."""
        if _kinds(self._accepted) != ["object"]:
            return None
        found = [one for one in schemas_at(inlined(self._accepted), []) if "properties" in one]
        return found[0] if found else {}

    def _of(self, definitions: Definitions) -> dict[str, Any]:
        found = self._schemas["serialization" if definitions.output else "validation"]
        if isinstance(found, UnsupportedTypeError):
            raise found
        return found

    def _written(self, mode: Any) -> dict[str, Any] | UnsupportedTypeError:
        try:
            return self._adapter.json_schema(mode=mode, schema_generator=SchemaWriter, by_alias=True)
        except (PydanticInvalidForJsonSchema, PydanticUserError) as error:
            return UnsupportedTypeError(f"`{self.title}` has no JSON Schema: {_first_line(error)}")


def _adapter(annotation: Any, title: str, names: Mapping[str, Any]) -> tuple[TypeAdapter[Any], bool]:
    """Return the adapter of a type, and True if it is strict."""
    strict: Any = None if _only_models(annotation) else {"strict": True}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about attributes of a `Field` that apply to parameters only
            try:
                adapter = TypeAdapter(annotation, config=strict)
            except PydanticUserError as error:
                if error.code != _UNUSED_CONFIG:
                    raise
                strict = None
                adapter = TypeAdapter(annotation)
            if not adapter.pydantic_complete:
                adapter.rebuild(raise_errors=True, _types_namespace=dict(names))
    except PydanticUndefinedAnnotation as error:
        raise NameError(str(error), name=error.name) from None
    except PydanticUserError as error:
        if error.code == _UNDEFINED:
            raise NameError(_first_line(error), name=title) from None
        raise UnsupportedTypeError(f"pydantic cannot convert `{title}`: {_first_line(error)}") from None
    except (PydanticSchemaGenerationError, ImportError, TypeError) as error:
        raise UnsupportedTypeError(f"pydantic cannot convert `{title}`: {_first_line(error)}") from None
    return adapter, strict is not None


def _only_models(annotation: Any) -> bool:
    """Return True for a model, and for a union of models: they have configurations of their own."""
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _only_models(typing.get_args(annotation)[0])
    if origin in (typing.Union, types.UnionType):
        return all(map(_only_models, typing.get_args(annotation)))
    return isinstance(annotation, type) and hasattr(annotation, "__pydantic_fields__")


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _kinds(schema: dict[str, Any]) -> list[str]:
    """Return the JSON types of the values that a schema accepts; all types if it does not name any."""
    found: dict[str, None] = {}
    for one in schemas_at(schema, []):
        types = one.get("type", [])
        found.update(dict.fromkeys([types] if isinstance(types, str) else types))
        if not types and not {"$ref", "anyOf", "oneOf", "allOf"} & set(one):
            values = [one["const"]] if "const" in one else one.get("enum")
            if values is None:
                return list(_PYTHON)
            found.update(dict.fromkeys(json_type_name(value) for value in values))
    return list(found) or list(_PYTHON)


def _integral(value: Any) -> Any:
    """Return a JSON value with numbers such as 1.0 as integers, which they are in JSON Schema 2020-12."""
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is list:
        return [_integral(item) for item in value]
    if type(value) is dict:
        return {name: _integral(item) for name, item in value.items()}
    return value


def _has_secret(annotation: Any, seen: set[int]) -> bool:
    """Return True if values of a type can contain a secret of pydantic, at any depth."""
    if id(annotation) in seen:
        return False
    seen.add(id(annotation))
    if isinstance(annotation, type) and issubclass(annotation, _SECRETS):
        return True
    inner = [typing.get_origin(annotation), *typing.get_args(annotation), getattr(annotation, "__value__", None)]
    if isinstance(annotation, type):
        if issubclass(annotation, BaseModel):
            inner += [field.annotation for field in annotation.model_fields.values()]
        elif dataclasses.is_dataclass(annotation) or hasattr(annotation, "__annotations__"):
            try:
                inner += typing.get_type_hints(annotation, include_extras=True).values()
            except Exception:  # noqa: BLE001 - names that cannot be evaluated: assume the worst
                return True
    return any(_has_secret(one, seen) for one in inner if one is not None)
