"""Run files as YAML values that remember where each key was written.

The reader follows YAML 1.2 for plain scalars: `1e6` is a number; `on`, `no` and `12:30` are text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from orchestrator.errors import UserError

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.events import JSON

Key = tuple[str | int, ...]
"""Keys and list positions from the root of the file to a value."""

_LARGEST_FILE_NODES = 20_000
_LARGEST_FILE_BYTES = 4_000_000
_DEEPEST = 50
"""Lists and mappings inside each other: ten are enough for any run."""
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_NULL = re.compile(r"~|null|")
_BOOL = re.compile(r"true|false")
_INT = re.compile(r"[-+]?[0-9][0-9_]*")
_MOST_DIGITS = 300
"""What is longer is no number of a run: it stays text, and is refused as such."""
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFile:
    """The values of a run file and the place of every one of them."""

    name: str
    """The file as its user called it."""
    values: dict[str, JSON]
    places: dict[Key, str]
    """`demo.yaml:12` or `--set population.members=1`, for every key written."""
    overridden: frozenset[Key] = frozenset()
    """The keys that `--set` put over what the file says."""

    def where(self, key: Key) -> str:
        """Return the place of a key, or of the nearest one above it, and the key itself."""
        above = next((key[:n] for n in range(len(key), 0, -1) if key[:n] in self.places), None)
        place = self.name if above is None else self.places[above]
        return f"{place}: {dotted(key)}" if key else place


def dotted(key: Key) -> str:
    """Return a key as its user would write it.

    >>> dotted(("proposers", 1, "sampler"))
    'proposers[1].sampler'
    """
    return "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in key).removeprefix(".")


def read_run_file(path: Path) -> RunFile:
    """Read a run file.

    Raises:
        UserError: It is missing, unreadable, not UTF-8, empty, not YAML, or says a key twice.
    """
    where = str(path)
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE_BYTES + 1)
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise UserError(
            where=where,
            law="a run file is needed",
            found="no file of this name",
            remedy="Check the path, or start from a copy of examples/demo.yaml.",
        ) from None
    except UnicodeDecodeError as error:
        raise UserError(
            where=where,
            law="a run file is UTF-8 text",
            found=f"byte 0x{error.object[error.start]:02x} at position {error.start}",
            remedy="Save the file as UTF-8.",
        ) from None
    except OSError as error:
        raise UserError(
            where=where,
            law="a run file must be a readable file",
            found=f"{error.strerror}",
            remedy="Check the path and its permissions.",
        ) from None
    if len(content) > _LARGEST_FILE_BYTES:
        raise UserError(
            where=where,
            law=f"a run file has at most {_LARGEST_FILE_BYTES} bytes",
            found="more",
            remedy="Check the path: this is no run file.",
        )
    return parse_run_file(text, name=where)


def parse_run_file(text: str, *, name: str) -> RunFile:
    """Parse the text of a run file (see `read_run_file`)."""
    try:
        root = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _not_yaml(name, mark, error.problem or "something else") from None
    except yaml.YAMLError as error:
        raise _not_yaml(name, None, " ".join(str(error).split())) from None
    if root is None:
        raise UserError(
            where=name,
            law="a run file holds keys such as `population` and `budget`",
            found="an empty file",
            remedy="Start from a copy of examples/demo.yaml.",
        )
    if not isinstance(root, yaml.MappingNode):
        raise UserError(
            where=f"{name}:{root.start_mark.line + 1}",
            law="a run file is a mapping of keys such as `population: {members: 8}`",
            found=f"a {'list' if isinstance(root, yaml.SequenceNode) else 'single value'}",
            remedy="Start from a copy of examples/demo.yaml.",
        )
    reader = _Reader(name)
    values = reader.mapping(root, (), frozenset())
    return RunFile(name=name, values=values, places=reader.places)


def override(run_file: RunFile, assignment: str) -> RunFile:
    """Return the run file with `key.path=value` put over what it says; the value is YAML.

    Raises:
        UserError: It is not of this form, or goes through something that has no keys.
    """
    path, equals, written = assignment.partition("=")
    place = f"--set {assignment}"
    names = path.strip().replace("[", ".").replace("]", "").split(".")
    if not equals or not all(names):
        raise UserError(
            where=place,
            law="`--set` takes KEY.PATH=VALUE",
            found=repr(assignment),
            remedy="Write, for example, --set population.members=4.",
        )
    parsed = parse_run_file(f"value: {written}", name=place)
    values, key = _assigned(run_file.values, names, parsed.values.get("value"), place)
    kept = {k: p for k, p in run_file.places.items() if k[: len(key)] != key}
    places = {**kept, **{key[:n]: place for n in range(1, len(key) + 1) if key[:n] not in kept}}
    overridden = run_file.overridden | {key}
    return RunFile(name=run_file.name, values=values, places=places, overridden=overridden)


def _assigned(inside: JSON, names: list[str], value: JSON, place: str) -> tuple[JSON, Key]:
    name, *rest = names
    match inside:
        case None:
            inside = {}
        case list() if name.isdecimal() and int(name) < len(inside):
            at = int(name)
            below, key = _assigned(inside[at], rest, value, place) if rest else (value, ())
            return [*inside[:at], below, *inside[at + 1 :]], (at, *key)
        case dict():
            pass
        case _:
            raise UserError(
                where=place,
                law="each step of `--set` must name a key or a position that exists",
                found=f"{name!r} inside {inside!r}",
                remedy="Set the whole value above it instead.",
            )
    below, key = _assigned(inside.get(name), rest, value, place) if rest else (value, ())
    return {**inside, name: below}, (name, *key)


class _Loader(yaml.SafeLoader):
    """Composes nodes, but not without end: what is too deep or too much is told at its line."""

    _depth = 0
    _composed = 0

    def fetch_flow_collection_start(self, TokenClass: type[yaml.Token]) -> None:
        """Take a bracket or brace."""
        if self.flow_level >= _DEEPEST:  # the scanner would look at each of them again and again
            raise _too_much(f"{_DEEPEST} levels", self.get_mark())
        super().fetch_flow_collection_start(TokenClass)

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Compose a node and what is inside it."""
        self._depth += 1
        self._composed += 1
        if self._depth > _DEEPEST or self._composed > 2 * _LARGEST_FILE_NODES:
            most = (
                f"{_DEEPEST} levels" if self._depth > _DEEPEST else f"{_LARGEST_FILE_NODES} values"
            )
            raise _too_much(most, self.get_mark())
        try:
            node: yaml.Node | None = super().compose_node(parent, index)
        finally:
            self._depth -= 1
        return node


def _too_much(most: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=f"more than {most}", problem_mark=mark)


class _Reader:
    """Turns YAML nodes into values, noting the line of every key."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.places: dict[Key, str] = {}
        self._nodes = 0

    def mapping(self, node: yaml.MappingNode, key: Key, inside: frozenset[int]) -> dict[str, JSON]:
        values: dict[str, JSON] = {}
        for name_node, value_node in node.value:
            name = name_node.value
            place = f"{self.name}:{name_node.start_mark.line + 1}"
            if not isinstance(name_node, yaml.ScalarNode):
                raise UserError(
                    where=place,
                    law="a key is a word",
                    found="a list or mapping as a key",
                    remedy="Write `key: value`.",
                )
            if name in values:
                raise UserError(
                    where=f"{place}: {dotted((*key, name))}",
                    law="a key is written once",
                    found=f"a second one (the first is at {self.places[*key, name]})",
                    remedy="Delete one of the two.",
                )
            self.places[*key, name] = place
            self._require_text(name, (*key, name))
            values[name] = self.value(value_node, (*key, name), inside)
        return values

    def value(self, node: yaml.Node, key: Key, inside: frozenset[int]) -> JSON:
        self._nodes += 1
        if id(node) in inside or self._nodes > _LARGEST_FILE_NODES:
            raise UserError(
                where=f"{self.places[key]}: {dotted(key)}",
                law=f"a run file holds at most {_LARGEST_FILE_NODES} values once aliases expand",
                found="an alias that contains itself or grows without end",
                remedy="Write the value out instead of the alias.",
            )
        deeper = inside | {id(node)}
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, key, deeper)
        if isinstance(node, yaml.SequenceNode):
            items = []
            for at, item in enumerate(node.value):
                self.places[*key, at] = f"{self.name}:{item.start_mark.line + 1}"
                items.append(self.value(item, (*key, at), deeper))
            return items
        self._require_text(node.value, key)
        return _scalar(node.value, plain=getattr(node, "style", None) is None)

    def _require_text(self, text: str, key: Key) -> None:
        if _HALF_PAIR.search(text):
            raise UserError(
                where=f"{self.places[key]}: {dotted(key)!r}",
                law="what a run file says is text",
                found="half a surrogate pair, which is no character",
                remedy="Write the character itself.",
            )


def _scalar(text: str, *, plain: bool) -> JSON:
    if not plain or len(text) > _MOST_DIGITS:
        return text
    if _NULL.fullmatch(text):
        return None
    if _BOOL.fullmatch(text):
        return text == "true"
    if _INT.fullmatch(text):
        return int(text.replace("_", ""))
    if _FLOAT.fullmatch(text):
        return float(text.replace("_", ""))
    return text


def _not_yaml(name: str, mark: yaml.Mark | None, problem: str) -> UserError:
    return UserError(
        where=name if mark is None else f"{name}:{mark.line + 1}",
        law="a run file is YAML",
        found=problem if mark is None else f"{problem} (column {mark.column + 1})",
        remedy="Check the indentation, the brackets and the colons near this line.",
    )
