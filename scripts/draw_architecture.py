#!/usr/bin/env python3
"""Draw the pictures of docs/architecture.md from the imports: the packages, and the way of a request.

`scripts/draw_architecture.py` writes them, `--check` fails if the page is not up to date. Standard library only.
"""

import ast
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
PACKAGES = ("publisher", "subscriber", "schemas", "infra")
# These modules have another place in the order of the imports than the rest of their package.
APART = (
    "publisher.compose",
    "subscriber.compose",
    "infra.adapters",
    "schemas.errors",
    "schemas.ports",
    "schemas.settings",
    "schemas.versioning",
)
# The picture shows what runs while a request is served, and no program that only starts or checks something.
LEFT_OUT = ("publisher.__main__", "subscriber.__main__", "schemas", "schemas.export")

Graph = dict[str, set[str]]


class Step(NamedTuple):
    """A module hands the request on to a module that it imports; or to a topic, or from a topic to a module."""

    source: str
    target: str
    words: str


REQUESTS = "topic video-requests"
COMPLETIONS = "topic video-completions"
WAY = (
    Step("publisher.facade.app", "publisher.facade.middleware", "trace, headers, host, key"),
    Step("publisher.facade.app", "publisher.facade.generate", "POST /api/videos/generate"),
    Step("publisher.facade.generate", "publisher.facade.request_body", "read and check the body"),
    Step("publisher.facade.generate", "publisher.facade.coalescing", "find the job of an identical call"),
    Step("publisher.facade.generate", "publisher.submit", "take the request in"),
    Step("publisher.submit", "schemas.services.reference_images", "store the image"),
    Step("publisher.submit", REQUESTS, "create the record, then publish"),
    Step(REQUESTS, "subscriber.worker", "deliver"),
    Step("subscriber.worker", "subscriber.handler", "decode; find or create the record"),
    Step("subscriber.handler", "subscriber.runner", "one runner for each job and process"),
    Step("subscriber.runner", "subscriber.policy", "decide the next action from the record"),
    Step("subscriber.runner", "subscriber.submission", "send a clip, the one paid step"),
    Step("subscriber.submission", "subscriber.marker", "put the marker, before the send"),
    Step("subscriber.runner", "subscriber.generation", "poll or search, for free"),
    Step("subscriber.runner", "subscriber.assembly", "fetch, cut, store the video"),
    Step("subscriber.handler", "subscriber.announce", "the job has ended"),
    Step("subscriber.announce", COMPLETIONS, "publish, then acknowledge the request"),
    Step(COMPLETIONS, "publisher.waiting", "deliver to each facade"),
    Step("publisher.facade.generate", "publisher.waiting", "wait for the end"),
    Step("publisher.facade.generate", "publisher.facade.responses", "answer with the video"),
)


def read_modules() -> dict[str, Path]:
    """Return the file of each module of ours."""
    modules = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            if "node_modules" not in parts:
                modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


def read_imports(modules: dict[str, Path]) -> Graph:
    """Return what each module imports of ours, imports inside functions included."""
    imports: Graph = {module: set() for module in modules}
    for module, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text())):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                names = [name if name in modules else node.module for name in inner]
            imports[module].update(name for name in names if name in modules and name != module)
    return imports


def group_by_package(modules: dict[str, Path], imports: Graph) -> Graph:
    """Return which package imports which."""

    def group(module: str) -> str:
        return module if module in APART else ".".join(modules[module].relative_to(ROOT).parts[:-1])

    packages: Graph = defaultdict(set)
    for module, targets in imports.items():
        if module not in LEFT_OUT and targets - set(LEFT_OUT):
            packages[group(module)].update(group(target) for target in targets if target not in LEFT_OUT)
    return {package: packages[package] - {package} for package in sorted(packages)}


def reachable(graph: Graph, start: str, *, without: tuple[str, str]) -> set[str]:
    """Return what `start` imports directly or through others, without one edge."""
    seen: set[str] = set()
    queue = [start]
    while queue:
        source = queue.pop()
        for target in graph.get(source, set()) - seen:
            if (source, target) != without:
                seen.add(target)
                queue.append(target)
    return seen


def drop_indirect(graph: Graph) -> Graph:
    """Return the graph without edges that a longer way replaces, so that the picture stays readable."""
    reduced = {source: set(targets) for source, targets in graph.items()}
    for source in sorted(graph):
        for target in sorted(graph[source]):
            if target in reachable(reduced, source, without=(source, target)):
                reduced[source].discard(target)
    return reduced


def node_id(name: str) -> str:
    return name.replace(".", "_").replace("-", "_").replace(" ", "_")


def draw_packages(graph: Graph) -> str:
    lines = ["```mermaid", "flowchart TD"]
    names = sorted(set(graph) | {target for targets in graph.values() for target in targets})
    for package in PACKAGES:
        lines.append(f'  subgraph {package}_package ["{package}/"]')
        inside = [name for name in names if name.split(".")[0] == package]
        lines += [f'    {node_id(name)}["{name.replace(".", "/")}"]' for name in inside]
        lines.append("  end")
    for source, targets in sorted(graph.items()):
        for target in sorted(targets):
            if source not in graph.get(target, set()):
                lines.append(f"  {node_id(source)} --> {node_id(target)}")
            elif source < target:
                lines.append(f"  {node_id(source)} <--> {node_id(target)}")
    return "\n".join([*lines, "```"])


def draw_way(steps: tuple[Step, ...], imports: Graph) -> str:
    """Draw the steps. Raise `ValueError` if a module of a step does not import the next one."""
    lines = ["```mermaid", "flowchart TD"]
    for name in dict.fromkeys(name for step in steps for name in step[:2]):
        shape = f'(["{name.removeprefix("topic ")}"])' if name.startswith("topic ") else f'["{name.replace(".", "/")}"]'
        lines.append(f"  {node_id(name)}{shape}")
    for number, (source, target, words) in enumerate(steps, 1):
        missing = [name for name in (source, target) if not name.startswith("topic ") and name not in imports]
        crosses_bus = source.startswith("topic ") or target.startswith("topic ")
        if missing or not (crosses_bus or target in imports[source]):
            raise ValueError(f"step {number}: {source} does not import {target}; correct WAY in {Path(__file__).name}")
        lines.append(f'  {node_id(source)} -- "{number}. {words}" --> {node_id(target)}')
    return "\n".join([*lines, "```"])


def replace_picture(page: str, name: str, picture: str) -> str:
    begin, end = f"<!-- {name}: drawn by scripts/draw_architecture.py -->", f"<!-- end of {name} -->"
    head, found, rest = page.partition(begin)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{PAGE.name} has no place for the picture {name!r}: {begin} … {end}")
    return f"{head}{begin}\n{picture}\n{end}{tail}"


def draw(page: str) -> str:
    """Return the page with both pictures drawn afresh."""
    modules = read_modules()
    imports = read_imports(modules)
    page = replace_picture(page, "packages", draw_packages(drop_indirect(group_by_package(modules, imports))))
    return replace_picture(page, "way", draw_way(WAY, imports))


def main() -> int:
    page = PAGE.read_text()
    drawn = draw(page)
    if "--check" not in sys.argv[1:]:
        PAGE.write_text(drawn)
    elif drawn != page:
        sys.stderr.write("the pictures of docs/architecture.md are not up to date; run scripts/draw_architecture.py\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
