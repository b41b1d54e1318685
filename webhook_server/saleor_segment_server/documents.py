"""YAML that knows its lines, and errors that quote no value: a value may be a secret."""

import copy
import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from saleor_segment_server.errors import DocumentUnreadable

Model = TypeVar("Model", bound=BaseModel)
_Child = tuple[str | int, int, yaml.Node]
Path = Sequence[str | int]
"""Where something is in a document, as in ``("spec", "events", 0)``."""

_WORDS = {
    "extra_forbidden": "is no field here",
    "missing": "is missing",
    "model_type": "must be a mapping",
    "dict_type": "must be a mapping",
    "tuple_type": "must be a list",
    "bool_type": "must be true or false",
}
_KEY = "[key]"
"""What pydantic ends a path with where the key of a mapping is refused and not its value."""
_FIRST_TO_SAY = ("extra_forbidden",)  # a mistyped field is also a missing one
_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_LAST_TO_SAY = ("too_short",)  # a list counts as empty once its items were refused


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file."""

    file: str
    """The file's name, for people."""
    data: Any
    """What it says."""
    node: yaml.Node
    """Its tree, which knows the lines."""

    def refusal(self, path: Path, message: str) -> DocumentUnreadable:
        """Return the error that says what is the matter at ``path``."""
        where = ".".join(map(str, path))
        text = f"{where}: {message}" if where else message
        return DocumentUnreadable(f"{self.place(path)}: {text}")

    def place(self, path: Path = ()) -> str:
        """Return file and line of what is at ``path``, or of the nearest thing around it."""
        line = self.node.start_mark.line
        for found in self._way(path):
            line = found[1]
        return f"{self.file}:{line + 1}"

    def validated(self, model: type[Model], *, numbers_as_text: bool = False) -> Model:
        """Return what it says as ``model``.

        Args:
            model: What it should be.
            numbers_as_text: Take a number as it is spelled where the model wants text: an id or a
                key may consist of digits. A cluster would not.

        Raises:
            DocumentUnreadable: It breaks a rule of the model.
        """
        outcome = _checked(model, self.data)
        if numbers_as_text and not isinstance(outcome, BaseModel):
            outcome = _checked(model, self._spelled(outcome))
        if isinstance(outcome, BaseModel):
            return outcome
        found = min(outcome, key=_rank)
        path = found["loc"][:-1] if found["loc"][-1:] == (_KEY,) else found["loc"]
        message = _WORDS.get(found["type"]) or found["msg"].removeprefix("Value error, ")
        if found["type"] == "extra_forbidden":
            message += suggestion(str(path[-1]), _fields(model, path[:-1]))
        raise self.refusal(path, message)

    def _way(self, path: Path) -> Iterator[_Child]:
        """Yield what lies on the way to ``path``, as far as there is something."""
        node = self.node
        for step in path:
            found = next((child for child in _children(node) if child[0] == step), None)
            if found is None:
                return
            yield found
            node = found[2]

    def _spelled(self, errors: Iterable[Any]) -> Any:
        """Return the data with numbers as they are spelled where an error wants text."""
        data = copy.deepcopy(self.data)
        for path in (found["loc"] for found in errors if found["type"] == "string_type"):
            way = list(self._way(path))
            if len(way) < len(path) or way[-1][2].tag not in _NUMBERS:
                continue
            holder = data
            for step in path[:-1]:
                holder = holder[step]
            holder[path[-1]] = way[-1][2].value
        return data


class _Loader(yaml.SafeLoader):
    """Reads what looks like a date as text, since JSON, and so a cluster, knows no dates."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML has it
        first: [(tag, form) for tag, form in forms if tag != "tag:yaml.org,2002:timestamp"]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def parse(text: str, file: str) -> Iterator[Document]:
    """Yield the documents of ``text``, empty ones left out.

    Raises:
        DocumentUnreadable: It is no YAML, or a key is given twice.
    """
    try:
        yield from _documents(_Loader(text), file)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise DocumentUnreadable(
            f"{file}:{line}: holds a character that YAML does not allow: remove it"
        ) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise DocumentUnreadable(f"{file}:{line}: {_problem(error)}") from None


def _documents(loader: _Loader, file: str) -> Iterator[Document]:
    try:
        while loader.check_node():
            node = loader.get_node()
            assert node is not None  # noqa: S101 - check_node said so
            _refuse_doubles(node, file)
            data = loader.construct_document(node)
            if data is not None:
                yield Document(file, data, node)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        # What PyYAML raises for a tag that does not fit its value, and for a thousand brackets.
        raise DocumentUnreadable(
            f"{file}:{loader.line + 1}: is no YAML that can be read before this line"
        ) from None
    finally:
        loader.dispose()


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return what to append where ``word`` may be a slip of the pen."""
    near = difflib.get_close_matches(word, list(known), n=1)
    return f": did you mean {near[0]}?" if near else ""


def _checked(model: type[Model], data: object) -> Model | list[Any]:
    """Return ``data`` as ``model``, or what pydantic finds wrong with it."""
    try:
        return model.model_validate(data, by_alias=True, by_name=False)
    except ValidationError as error:
        return list(error.errors(include_input=False, include_url=False))


def _rank(found: Any) -> int:
    return (found["type"] in _LAST_TO_SAY) - (found["type"] in _FIRST_TO_SAY)


def _fields(model: type[BaseModel], path: Path) -> list[str]:
    """Return the names that the mapping at ``path`` may hold."""
    for step in (name for name in path if isinstance(name, str)):
        names = {field.alias or name: field for name, field in model.model_fields.items()}
        inner = _model_in(names[step].annotation) if step in names else None
        if inner is None:
            return []
        model = inner
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model that a field holds, directly, perhaps, or many of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_in(part) for part in get_args(annotation))
    return next((model for model in inner if model), None)


def _children(node: yaml.Node) -> Iterator[_Child]:
    """Yield key, line and node of what is directly in ``node``."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key.value, key.start_mark.line, value
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield index, value.start_mark.line, value


def _refuse_doubles(root: yaml.Node, file: str) -> None:
    """YAML lets the last of two equal keys win, silently."""
    left, seen = [root], set()
    while left:
        node = left.pop()
        if id(node) in seen:  # an alias
            continue
        seen.add(id(node))
        keys: set[str | int] = set()
        for key, line, child in _children(node):
            if not isinstance(key, str | int):  # a collection, as in {{ a template }}
                raise DocumentUnreadable(
                    f"{file}:{line + 1}: a key must be text: put a value that begins with {{ or ["
                    " in quotes"
                )
            if isinstance(key, str) and key in keys and key != "<<":
                raise DocumentUnreadable(f"{file}:{line + 1}: {key} is given twice: remove one")
            keys.add(key)
            left.append(child)


def _problem(error: yaml.MarkedYAMLError) -> str:
    """Say what is the matter; only the scanner quotes no more than a character."""
    if isinstance(error, yaml.scanner.ScannerError):
        return f"is no YAML: {error.problem}"
    if isinstance(error, yaml.composer.ComposerError | yaml.constructor.ConstructorError):
        return "is no YAML: a value that begins with *, & or ! must be in quotes"
    return "is no YAML: check the indentation, the quotes and the brackets before this place"
