"""Check the rules for names, words and files of docs/architecture.md that can be counted.

A private function that a decorator registers (`@apply.register`, `@app.command()`) or hands to a library (pydantic's
`@field_validator`) has a caller that the source does not name. It is not counted as used once.
"""

import ast
import re
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("schemas", "publisher", "subscriber", "infra")
USED_ONCE_AT_MOST = 0.12
"""This share of all functions may be private and referenced once: the field has 2 to 12 %."""
MEDIAN_LINES, P90_LINES_AT_MOST, FILE_LINES_AT_MOST = (5, 7), 25, 400
"""The lengths of functions in the field: a median of 5 to 7 lines, and 19 to 28 at the 90th percentile."""

_WORDS = re.compile(r"\b(?:whoever|nobody|somebody)\b", re.IGNORECASE)
_IRREGULAR = frozenset(
    re.findall(
        r"\w+",
        "begun broken done drawn found given gone heard held hidden kept known left lost made meant owed seen sent "
        "shown spent taken told written",
    )
)
_NO_PARTICIPLES = frozenset(
    ("need", "feed", "seed", "speed", "embed", "proceed", "exceed", "bring", "ring", "string", "ping")
)

_NO_ACTIONS = {
    "ended": "a property that programs outside read: `Job.ended`, `JobState.ended`",
    "started": "a property that programs outside read: `Job.started`",
    "charged": "a property with the name of the field that is sent and stored",
    "billed_seconds": "a property with the name of the field that is sent",
    "remaining": "a property: a sum of dollars",
    "unresolved_prefixes": "a property: no verb has this participle",
    "unresolved_submits": "a property: no verb has this participle",
    "unused_reservations": "a property: no verb has this participle",
    "streaming_pull": "the name of the method of Google's client that it overrides",
    "_missing_": "the name by which `enum.Enum` calls it",
}
"""Names that begin with a participle and must stay, each with its reason."""

_OWN_DECORATORS = frozenset(
    (
        "property",
        "staticmethod",
        "classmethod",
        "contextmanager",
        "asynccontextmanager",
        "cache",
        "lru_cache",
        "override",
    )
)
"""Decorators that change how a function is called, but register it nowhere."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def is_participle(name: str) -> bool:
    """True if the first word of the name is a participle: `translated`, `_opened`, `waiting_jobs`."""
    word = name.strip("_").partition("_")[0]
    return word in _IRREGULAR or (word.endswith(("ed", "ing")) and word not in _NO_PARTICIPLES)


@cache
def sources() -> dict[str, str]:
    return {
        str(path.relative_to(ROOT)): path.read_text()
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
        if "node_modules" not in path.parts
    }


@cache
def functions() -> tuple[tuple[str, str], ...]:
    """Return the file and name of every function."""
    return tuple(
        (file, node.name)
        for file, source in sources().items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, Function)
    )


def is_registered(node: Function) -> bool:
    """True if a decorator hands the function to a caller that finds it without its name."""
    return any(_last_name(decorator) not in _OWN_DECORATORS for decorator in node.decorator_list)


def _last_name(decorator: ast.expr) -> str:
    """Return the name of a decorator, for example `register` of `@apply.register(str)`."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def private_used_once(sources: dict[str, str]) -> list[tuple[str, str]]:
    """Return the private functions whose name occurs once beside its definition."""
    counts = Counter(name for source in sources.values() for name in re.findall(r"\b_\w+\b", source))
    return [
        (file, node.name)
        for file, source in sources.items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, Function)
        and re.match(r"_[a-z]", node.name)
        and counts[node.name] <= 2
        and not is_registered(node)
    ]


def lengths() -> list[int]:
    """Return the lines of every function, from its `def` to its end, the shortest first."""
    return sorted(
        (node.end_lineno or node.lineno) - node.lineno + 1
        for source in sources().values()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, Function)
    )


def test_no_function_is_named_by_a_participle() -> None:
    assert [each for each in functions() if is_participle(each[1]) and each[1] not in _NO_ACTIONS] == []


def test_each_participle_that_must_stay_is_still_a_name() -> None:
    assert _NO_ACTIONS.keys() <= {name for _, name in functions()}


def test_every_actor_is_named() -> None:
    assert [(file, word) for file, source in sources().items() for word in _WORDS.findall(source)] == []


def test_every_handler_has_a_name() -> None:
    assert [each for each in functions() if each[1] == "_"] == []


def test_no_file_is_long() -> None:
    long = {file: source.count("\n") for file, source in sources().items()}
    assert {file: lines for file, lines in long.items() if lines > FILE_LINES_AT_MOST} == {}


def test_few_private_functions_are_used_once() -> None:
    assert len(private_used_once(sources())) <= len(functions()) * USED_ONCE_AT_MOST


def test_functions_are_neither_fragments_nor_long() -> None:
    found = lengths()
    shortest, longest = MEDIAN_LINES
    assert shortest <= found[len(found) // 2] <= longest
    assert found[len(found) * 9 // 10] <= P90_LINES_AT_MOST


@pytest.mark.parametrize("name", ["translated", "_opened", "waiting_jobs", "__heard", "made_by"])
def test_a_participle_is_found(name: str) -> None:
    assert is_participle(name)


@pytest.mark.parametrize(
    "name", ["translate", "put_marker", "read_body", "is_used", "needs", "seed_of", "string_of", "_on_put"]
)
def test_another_name_is_no_participle(name: str) -> None:
    assert not is_participle(name)


def test_a_private_function_that_is_used_once_is_found() -> None:
    source = "def _once(): ...\ndef _twice(): ...\ndef f(): _once(), _twice(), _twice()\n"
    assert private_used_once({"a.py": source}) == [("a.py", "_once")]


@pytest.mark.parametrize("decorator", ["@apply.register", "@app.command('x')", "@field_validator('x')\n@classmethod"])
def test_a_function_that_a_decorator_registers_is_not_counted_as_used_once(decorator: str) -> None:
    assert private_used_once({"a.py": f"{decorator}\ndef _on_done(): ...\n"}) == []


@pytest.mark.parametrize("decorator", ["@property", "@staticmethod", "@contextlib.asynccontextmanager", "@cache"])
def test_a_function_that_a_decorator_only_changes_is_counted(decorator: str) -> None:
    assert private_used_once({"a.py": f"{decorator}\ndef _once(): ...\n"}) == [("a.py", "_once")]


def main() -> None:
    """Write the figures, and the private functions that are used once, to standard output."""
    found, once = lengths(), private_used_once(sources())
    longest = max(source.count("\n") for source in sources().values())
    median, p90 = found[len(found) // 2], found[len(found) * 9 // 10]
    lines = [
        f"files: {len(sources())}, the longest has {longest} lines",
        f"functions: {len(found)}; lines: median {median}, p90 {p90}, longest {found[-1]}",
        f"private and used once: {len(once)}, {len(once) / len(found):.1%}",
        *(f"  {file}: {name}" for file, name in once),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
