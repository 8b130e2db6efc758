"""Bidirectional text: the order in which a line of mixed scripts is drawn, by Unicode's algorithm (UAX #9).

It runs on the whole line, before fonts are chosen.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, takewhile

_DEEPEST = 125
_BRACKETS = (
    "()[]{}\u0f3a\u0f3b\u0f3c\u0f3d\u169b\u169c\u2045\u2046\u207d\u207e\u208d\u208e\u2308\u2309\u230a\u230b\u2329\u232a"
    "\u2768\u2769\u276a\u276b\u276c\u276d\u276e\u276f\u2770\u2771\u2772\u2773\u2774\u2775\u27c5\u27c6\u27e6\u27e7\u27e8"
    "\u27e9\u27ea\u27eb\u27ec\u27ed\u27ee\u27ef\u2983\u2984\u2985\u2986\u2987\u2988\u2989\u298a\u298b\u298c\u298d\u2990"
    "\u298f\u298e\u2991\u2992\u2993\u2994\u2995\u2996\u2997\u2998\u29d8\u29d9\u29da\u29db\u29fc\u29fd\u2e22\u2e23\u2e24"
    "\u2e25\u2e26\u2e27\u2e28\u2e29\u2e55\u2e56\u2e57\u2e58\u2e59\u2e5a\u2e5b\u2e5c\u3008\u3009\u300a\u300b\u300c\u300d"
    "\u300e\u300f\u3010\u3011\u3014\u3015\u3016\u3017\u3018\u3019\u301a\u301b\ufe59\ufe5a\ufe5b\ufe5c\ufe5d\ufe5e\uff08"
    "\uff09\uff3b\uff3d\uff5b\uff5d\uff5f\uff60\uff62\uff63"
)
"""Each opening bracket and the one that closes it (Unicode's BidiBrackets.txt)."""
_CLOSING = dict(zip(_BRACKETS[::2], _BRACKETS[1::2], strict=True))
_OPENING = {closing: opening for opening, closing in _CLOSING.items()}
_MIRRORED = _CLOSING | _OPENING | dict(zip("<>«»‹›≤≥", "><»«›‹≥≤", strict=True))
_LRO, _RLO, _PDF = "\u202d", "\u202e", "\u202c"
_SAME = {"\u2329": "\u3008", "\u232a": "\u3009"}
_ISOLATES = ("LRI", "RLI", "FSI")
_EMBEDDINGS = {"LRE": (0, ""), "RLE": (1, ""), "LRO": (0, "L"), "RLO": (1, "R")}
_REMOVED = ("LRE", "RLE", "LRO", "RLO", "PDF", "BN")
_NEUTRAL = ("B", "S", "WS", "ON", "LRI", "RLI", "FSI", "PDI")
_BLANK = ("WS", *_ISOLATES, "PDI", *_REMOVED)
_STRONG = {"L": "L", "R": "R", "AL": "R", "EN": "R", "AN": "R"}
"""What a letter or a number is to the neutral characters beside it."""
CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that only say which way others run."""


@dataclass(frozen=True, slots=True)
class Run:
    """Characters of one direction, in the order in which they are read."""

    text: str
    right_to_left: bool


def is_right_to_left(text: str) -> bool:
    """Return True if the paragraph runs from right to left: if its first letter outside an isolate does."""
    return _first_strong([unicodedata.bidirectional(char) for char in text]) == 1


def order(line: str, *, right_to_left: bool) -> list[Run]:
    """Return the runs of the line from left to right."""
    kinds = [unicodedata.bidirectional(char) or "L" for char in line]
    levels = _levels(line, kinds, int(right_to_left))
    shown = [at for at, char in enumerate(line) if char not in CONTROLS]
    runs = [(level, list(places)) for level, places in groupby(shown, key=levels.__getitem__)]
    for least in range(max((level for level, _ in runs), default=0), 0, -1):
        # L2: reverse every stretch of runs of this level or more.
        stretches = [(high, list(stretch)) for high, stretch in groupby(runs, key=lambda run: run[0] >= least)]
        runs = [run for high, stretch in stretches for run in (reversed(stretch) if high else stretch)]
    return [Run("".join(line[at] for at in places), bool(level % 2)) for level, places in runs]


def reopen(line: str) -> str:
    """Return the controls that the line leaves open, for the next line of the same paragraph."""
    open_: list[str] = []
    for char in line:
        kind = unicodedata.bidirectional(char)
        if kind in _ISOLATES or kind in _EMBEDDINGS:
            open_.append(char)
        elif kind == "PDF" and open_ and unicodedata.bidirectional(open_[-1]) in _EMBEDDINGS:
            open_.pop()
        elif kind == "PDI" and any(unicodedata.bidirectional(each) in _ISOLATES for each in open_):
            while unicodedata.bidirectional(open_.pop()) not in _ISOLATES:
                pass
    return "".join(open_)


def override(run: Run) -> str:
    """Return the run with a control, for a library that detects directions, if its letters run the other way."""
    against = ("L", "EN", "AN") if run.right_to_left else ("R", "AL")
    if not any(unicodedata.bidirectional(char) in against for char in run.text):
        return run.text
    return f"{_RLO if run.right_to_left else _LRO}{run.text}{_PDF}"


def mirror(clusters: Iterable[str]) -> str:
    """Return a run from right to left as it stands on the line, for a library that knows no directions."""
    return "".join(_MIRRORED.get(cluster, cluster) for cluster in reversed(list(clusters)))


def _first_strong(kinds: list[str]) -> int | None:
    """P2 and P3: 0 for left to right, 1 for right to left, None without a letter."""
    depth = 0
    for kind in kinds:
        if kind in _ISOLATES:
            depth += 1
        elif kind == "PDI":
            depth = max(0, depth - 1)
        elif not depth and kind in ("L", "R", "AL"):
            return int(kind != "L")
    return None


def _levels(line: str, kinds: list[str], base: int) -> list[int]:
    """Return the level of each character: odd levels run from right to left."""
    explicit = _Explicit(kinds, base)
    sequences = list(_sequences(explicit))
    edges = [_edges(explicit, sequence) for sequence in sequences]
    for sequence, sides in zip(sequences, edges, strict=True):
        _Sequence(line, explicit, sequence, sides).resolve()
    levels, trailing = explicit.levels, True
    # L1: blanks at the end of the line, and before a separator, run as the line does.
    for at in range(len(kinds) - 1, -1, -1):
        if kinds[at] not in _BLANK:
            trailing = kinds[at] in ("B", "S")
        if trailing:
            levels[at] = base
    for at, kind in enumerate(kinds):
        if kind in _REMOVED:
            levels[at] = levels[at - 1] if at else base
    return levels


class _Explicit:
    """X1 to X8: levels by embeddings, overrides and isolates; the kinds after overrides."""

    def __init__(self, kinds: list[str], base: int) -> None:
        self.kinds, self.base = kinds, base
        self.levels, self.resolved = [base] * len(kinds), list(kinds)
        self.ends: dict[int, int] = {}
        """BD9: the end of each isolate, by its beginning."""
        open_: list[int] = []
        for at, kind in enumerate(kinds):
            if kind in _ISOLATES:
                open_.append(at)
            elif kind == "PDI" and open_:
                self.ends[open_.pop()] = at
        self.starts = {end: start for start, end in self.ends.items()}
        self._stack: list[tuple[int, str, bool]] = [(base, "", False)]
        self._lost_isolates = self._lost_embeddings = 0
        for at in range(len(kinds)):
            self._read(at)

    def _read(self, at: int) -> None:
        kind = self.kinds[at]
        if kind in _EMBEDDINGS or kind in _ISOLATES:
            self._open(at, kind)
        else:
            if kind in ("PDI", "PDF"):
                self._close(at)
            self._settle(at)

    def _settle(self, at: int) -> None:
        level, override, _ = self._stack[-1]
        self.levels[at] = level
        if override and self.kinds[at] not in _REMOVED:
            self.resolved[at] = override

    def _open(self, at: int, kind: str) -> None:
        self._settle(at)
        odd, override = _EMBEDDINGS.get(kind, (int(kind == "RLI"), ""))
        if kind == "FSI":
            odd = _first_strong(self.kinds[at + 1 : self.ends.get(at, len(self.kinds))]) or 0
        level = self._stack[-1][0] + 1
        level += (level + odd) % 2
        isolate = kind in _ISOLATES
        if level <= _DEEPEST and not self._lost_isolates and not self._lost_embeddings:
            self._stack.append((level, override, isolate))
        elif isolate:
            self._lost_isolates += 1
        elif not self._lost_isolates:
            self._lost_embeddings += 1

    def _close(self, at: int) -> None:
        if self.kinds[at] == "PDI":
            if at not in self.starts:
                return
            if self._lost_isolates:
                self._lost_isolates -= 1
                return
            self._lost_embeddings = 0
            while not self._stack.pop()[2]:
                pass
        elif self._lost_embeddings and not self._lost_isolates:
            self._lost_embeddings -= 1
        elif not self._lost_isolates and len(self._stack) > 1 and not self._stack[-1][2]:
            self._stack.pop()


def _sequences(explicit: _Explicit) -> Iterator[list[int]]:
    """X10: runs of one level, continued behind the isolates that they hold; characters that X9 removes are left out."""
    runs: list[list[int]] = []
    for at, kind in enumerate(explicit.kinds):
        if kind in _REMOVED:
            continue
        if runs and explicit.levels[runs[-1][-1]] == explicit.levels[at]:
            runs[-1].append(at)
        else:
            runs.append([at])
    by_start = {run[0]: run for run in runs}
    for run in runs:
        if run[0] in explicit.starts:
            continue
        sequence = list(run)
        while (end := explicit.ends.get(sequence[-1])) is not None:
            sequence += by_start.get(end, [])
            if sequence[-1] == run[-1]:
                break
        yield sequence


def _edges(explicit: _Explicit, sequence: list[int]) -> tuple[str, str]:
    """X10: the direction on each side of the sequence, by the higher of the two levels that meet."""
    kinds, levels, level = explicit.kinds, explicit.levels, explicit.levels[sequence[0]]
    before = next((levels[at] for at in range(sequence[0] - 1, -1, -1) if kinds[at] not in _REMOVED), explicit.base)
    after = explicit.base
    if kinds[sequence[-1]] not in _ISOLATES:
        later = range(sequence[-1] + 1, len(kinds))
        after = next((levels[at] for at in later if kinds[at] not in _REMOVED), explicit.base)
    return _direction(max(before, level)), _direction(max(after, level))


def _direction(level: int) -> str:
    return "R" if level % 2 else "L"


class _Sequence:
    """W1 to I2, for one isolating run sequence."""

    def __init__(self, line: str, explicit: _Explicit, places: list[int], edges: tuple[str, str]) -> None:
        self._levels, self._places, self._edges = explicit.levels, places, edges
        self._chars = [line[at] for at in places]
        self._given = [explicit.kinds[at] for at in places]
        self._kinds = [explicit.resolved[at] for at in places]
        self._own = _direction(explicit.levels[places[0]])

    def resolve(self) -> None:
        self._resolve_marks_and_arabic()
        self._resolve_signs_and_latin()
        self._resolve_brackets()
        for first, last in _stretches(self._kinds, _NEUTRAL):
            # N1 and N2: neutrals between two of one direction have it; others have the direction of the line.
            left = _STRONG[self._kinds[first - 1]] if first else self._edges[0]
            right = _STRONG[self._kinds[last]] if last < len(self._kinds) else self._edges[1]
            self._kinds[first:last] = [left if left == right else self._own] * (last - first)
        for at, kind in zip(self._places, self._kinds, strict=True):
            if self._levels[at] % 2:
                self._levels[at] += kind != "R"
            else:
                self._levels[at] += {"R": 1, "AN": 2, "EN": 2}.get(kind, 0)

    def _resolve_marks_and_arabic(self) -> None:
        """W1: a mark is what it stands on. W2 and W3: numbers behind Arabic letters are Arabic numbers."""
        before = strong = self._edges[0]
        for at, given in enumerate(self._kinds):
            kind = given
            if kind == "NSM":
                kind = "ON" if before in (*_ISOLATES, "PDI") else before
            if kind in ("L", "R", "AL"):
                strong = kind
            before = kind
            self._kinds[at] = "AN" if kind == "EN" and strong == "AL" else "R" if kind == "AL" else kind

    def _resolve_signs_and_latin(self) -> None:
        """W4 to W6: signs between and around numbers. W7: numbers behind Latin letters run as those do."""
        kinds = self._kinds
        for at in range(1, len(kinds) - 1):
            around = kinds[at - 1], kinds[at + 1]
            if (kinds[at] in ("ES", "CS") and around == ("EN", "EN")) or (kinds[at] == "CS" and around == ("AN", "AN")):
                kinds[at] = around[0]
        for first, last in _stretches(kinds, ("ET",)):
            if "EN" in (*kinds[first - 1 : first], *kinds[last : last + 1]):
                kinds[first:last] = ["EN"] * (last - first)
        strong = self._edges[0]
        for at, kind in enumerate(kinds):
            strong = kind if kind in ("L", "R") else strong
            if kind in ("ES", "ET", "CS"):
                kinds[at] = "ON"
            elif kind == "EN" and strong == "L":
                kinds[at] = "L"

    def _resolve_brackets(self) -> None:
        """N0: a pair of brackets runs as its content does, if that runs as the line does, or as what is before."""
        for first, last in sorted(self._bracket_pairs()):
            inside = {_STRONG[kind] for kind in self._kinds[first + 1 : last] if kind in _STRONG}
            if not inside:
                continue
            before = (_STRONG[kind] for kind in reversed(self._kinds[:first]) if kind in _STRONG)
            direction = self._own if self._own in inside else next(before, self._edges[0])
            for at in (first, last):
                marks = takewhile(lambda mark: self._given[mark] == "NSM", range(at + 1, len(self._kinds)))
                for place in (at, *marks):
                    self._kinds[place] = direction

    def _bracket_pairs(self) -> Iterator[tuple[int, int]]:
        """BD16."""
        open_: list[tuple[str, int]] = []
        for at, char in enumerate(self._chars):
            if self._kinds[at] != "ON":
                continue
            bracket = _SAME.get(char, char)
            if bracket in _CLOSING:
                if len(open_) == 63:
                    return
                open_.append((_CLOSING[bracket], at))
            elif bracket in _OPENING:
                match = next((place for place in range(len(open_) - 1, -1, -1) if open_[place][0] == bracket), None)
                if match is not None:
                    yield open_[match][1], at
                    del open_[match:]


def _stretches(kinds: list[str], wanted: tuple[str, ...]) -> list[tuple[int, int]]:
    """Return where the longest stretches of these kinds begin and end."""
    found: list[tuple[int, int]] = []
    for at, kind in enumerate(kinds):
        if kind in wanted:
            found[-1:] = [(found[-1][0], at + 1)] if found and found[-1][1] == at else [*found[-1:], (at, at + 1)]
    return found
