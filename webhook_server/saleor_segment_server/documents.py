"""YAML that knows its lines, and errors that quote no value: a value may be a secret."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from saleor_segment_server.errors import DocumentUnreadable

Model = TypeVar("Model", bound=BaseModel)
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
_FIRST_TO_SAY = ("extra_forbidden",)  # a mistyped field is also a missing one
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
        node, line = self.node, self.node.start_mark.line
        for step in path:
            found = next((pair for pair in _children(node) if pair[0] == step), None)
            if found is None:
                break
            _, line, node = found
        return f"{self.file}:{line + 1}"

    def validated(self, model: type[Model]) -> Model:
        """Return what it says as ``model``.

        Raises:
            DocumentUnreadable: It breaks a rule of the model.
        """
        try:
            return model.model_validate(self.data, by_alias=True, by_name=False)
        except ValidationError as error:
            found = min(error.errors(include_input=False, include_url=False), key=_rank)
        message = _WORDS.get(found["type"]) or found["msg"].removeprefix("Value error, ")
        if found["type"] == "extra_forbidden":
            message += suggestion(str(found["loc"][-1]), _fields(model, found["loc"][:-1]))
        raise self.refusal(found["loc"], message)


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


def _rank(found: Any) -> int:
    return (found["type"] in _LAST_TO_SAY) - (found["type"] in _FIRST_TO_SAY)


def _fields(model: type[BaseModel], path: Path) -> list[str]:
    """Return the names that the mapping at ``path`` may hold."""
    for step in (name for name in path if isinstance(name, str)):
        names = {field.alias or name: field for name, field in model.model_fields.items()}
        kinds = (names[step].annotation, *get_args(names[step].annotation))
        model = next(
            kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)
        )
    return [field.alias or name for name, field in model.model_fields.items()]


def _children(node: yaml.Node) -> Iterator[tuple[str | int, int, yaml.Node]]:
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
