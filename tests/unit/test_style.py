"""Check the rules for names, words and files of docs/architecture.md that can be counted.

`style_ceilings.json` says how many offenders each package may still have.
Lower a number after you have corrected some; never raise one.

A private function that a decorator registers (`@apply.register`, `@app.command()`) or hands to a library (pydantic's
`@field_validator`) has a caller that the source does not name. It is not counted as used once.
"""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGES = ("schemas", "publisher", "subscriber", "infra")
CEILINGS = json.loads(Path(__file__).with_name("style_ceilings.json").read_text())
GOAL = 0.12
"""Of all functions may be private and referenced once: the field has 2 to 12 %."""

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


def offenders(rule: str, package: str) -> Iterator[str]:
    here = {file: source for file, source in sources().items() if file.startswith(f"{package}/")}
    if rule == "participles":
        yield from (
            f"{file}: {name}"
            for file, name in functions()
            if file in here and is_participle(name) and name not in _NO_ACTIONS
        )
    elif rule == "words":
        for file, source in here.items():
            yield from (f"{file}: {word}" for word in _WORDS.findall(source))
    elif rule == "unnamed handlers":
        yield from (f"{file}: {name}" for file, name in functions() if file in here and name == "_")
    elif rule == "long files":
        yield from (
            f"{file}: {source.count(chr(10))} lines" for file, source in here.items() if source.count("\n") > 400
        )


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.parametrize("rule", ["participles", "words", "unnamed handlers", "long files"])
def test_a_package_has_no_more_offenders_than_before(rule: str, package: str) -> None:
    found = sorted(offenders(rule, package))
    assert len(found) <= CEILINGS[rule][package], "\n".join([f"{rule} in {package}:", *found])


def test_no_more_private_functions_are_used_once_than_before() -> None:
    once = private_used_once(sources())
    assert len(once) <= len(functions()) * max(GOAL, CEILINGS["share of private functions used once"])


def test_each_participle_that_must_stay_is_still_a_name() -> None:
    assert _NO_ACTIONS.keys() <= {name for _, name in functions()}


def test_the_ceilings_name_rules_and_packages_only() -> None:
    share = CEILINGS["share of private functions used once"]
    assert 0 < share < 1
    assert {rule: set(counts) for rule, counts in CEILINGS.items() if counts != share} == {
        rule: set(PACKAGES) for rule in ("participles", "words", "unnamed handlers", "long files")
    }


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
