"""Regular expressions in time linear to the text, as RE2: no pattern can hang a message.

A pattern is compiled to a small program that all threads walk in step (Pike's machine); the
dialect is RE2's common part: no look-around, no back-references.
"""

from collections.abc import Callable
from dataclasses import dataclass

from transactional.compose.hubl.run import current

PATTERN_LIMIT = 200  # characters
PROGRAM_LIMIT = 500  # instructions, after {m,n} was unrolled
REPEAT_LIMIT = 50  # of {m,n}
TEXT_LIMIT = 50_000  # characters that are searched
GROUPS_LIMIT = 9
STEP = 4  # what one step of the machine costs, in characters read: some microseconds

Test = Callable[[str], bool]


@dataclass(slots=True)
class Op:
    """An instruction: `char` tests, `split` tries x before y, `save` keeps a place, …"""

    kind: str
    test: Test | None = None
    x: int = 0
    y: int = 0


def replace(text: str, pattern: str, new: str) -> str:
    """Every match replaced by `new`, in which `$1` is a group. Raises ValueError."""
    if len(text) > TEXT_LIMIT:
        raise ValueError(f"regex_replace searches at most {TEXT_LIMIT:,} characters")
    program = _Compiler(pattern).program()
    made: list[str] = []
    at = 0
    while at <= len(text):
        found = _match(program, text, at)
        if found is None:
            break
        start, end = found[0], found[1]
        made += [text[at:start], _filled(new, text, found)]
        if end == start:  # an empty match moves on by itself
            made.append(text[start : start + 1])
            at = start + 1
        else:
            at = end
        current().spend(len(made[-1]) + len(made[-2]) + 1)
    made.append(text[at:])
    return "".join(made)


def _filled(new: str, text: str, places: list[int]) -> str:
    made: list[str] = []
    at = 0
    while at < len(new):
        char = new[at]
        if char == "\\" and at + 1 < len(new):
            made.append(new[at + 1])
            at += 2
        elif char == "$" and at + 1 < len(new) and new[at + 1].isdigit():
            group = 2 * int(new[at + 1])
            if group + 1 >= len(places):
                raise ValueError(f"regex_replace: there is no group {new[at + 1]}")
            if places[group] >= 0 and places[group + 1] >= 0:
                made.append(text[places[group] : places[group + 1]])
            at += 2
        else:
            made.append(char)
            at += 1
    return "".join(made)


def _match(program: list[Op], text: str, start: int) -> list[int] | None:
    """The leftmost match from `start` on, the first alternative winning: places of the groups."""
    slots = 2 * (1 + sum(op.kind == "save" for op in program) // 2)
    best: list[int] | None = None
    threads: list[tuple[int, list[int]]] = []
    run = current()
    for at in range(start, len(text) + 1):
        if best is None:
            threads += [(0, [-1] * slots)]
        if not threads:
            break
        seen: set[int] = set()
        ready: list[tuple[int, list[int]]] = []
        for pc, places in threads:
            _follow(program, pc, places, text, at, seen, ready)
        run.spend(STEP * (2 + len(seen)))
        threads = []
        for pc, places in ready:
            op = program[pc]
            if op.kind == "match":
                best = places
                break  # what comes later has a lower priority
            if at < len(text) and op.test is not None and op.test(text[at]):
                threads.append((pc + 1, places))
    return best


def _follow(
    program: list[Op],
    pc: int,
    places: list[int],
    text: str,
    at: int,
    seen: set[int],
    ready: list[tuple[int, list[int]]],
) -> None:
    """Walk the instructions that read nothing, in order of priority."""
    stack = [(pc, places)]
    while stack:
        here, kept = stack.pop()
        if here in seen:
            continue
        seen.add(here)
        op = program[here]
        if op.kind == "jump":
            stack.append((op.x, kept))
        elif op.kind == "split":
            stack += [(op.y, kept), (op.x, kept)]
        elif op.kind == "save":
            copied = [*kept]
            copied[op.x] = at
            stack.append((here + 1, copied))
        elif op.kind == "at":
            if _holds(op.x, text, at):
                stack.append((here + 1, kept))
        else:
            ready.append((here, kept))


_START, _END, _WORD, _NO_WORD = range(4)


def _holds(what: int, text: str, at: int) -> bool:
    if what == _START:
        return at == 0
    if what == _END:
        return at == len(text)
    before = at > 0 and _is_word(text[at - 1])
    after = at < len(text) and _is_word(text[at])
    return (before != after) == (what == _WORD)


def _is_word(char: str) -> bool:
    return char == "_" or (char.isascii() and char.isalnum())


def _is_digit(char: str) -> bool:
    return "0" <= char <= "9"


def _is_space(char: str) -> bool:
    return char in " \t\n\r\f\v"


def _not(test: Test) -> Test:
    return lambda char: not test(char)


def _one(wanted: str, *, fold: bool) -> Test:
    if fold:
        lower = wanted.lower()
        return lambda char: char.lower() == lower
    return lambda char: char == wanted


_CLASSES: dict[str, Test] = {
    "d": _is_digit, "D": _not(_is_digit), "w": _is_word, "W": _not(_is_word),
    "s": _is_space, "S": _not(_is_space),
}  # fmt: skip
_CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}


class _Compiler:
    """Reads a pattern by recursive descent and writes its program."""

    def __init__(self, pattern: str) -> None:
        if len(pattern) > PATTERN_LIMIT:
            raise ValueError(f"a pattern has at most {PATTERN_LIMIT} characters")
        self.fold = pattern.startswith("(?i)")
        self.pattern = pattern.removeprefix("(?i)")
        self.at = 0
        self.groups = 0
        self.depth = 0

    def program(self) -> list[Op]:
        """The whole pattern. Raises ValueError for what it does not know."""
        body = self._either()
        if self.at < len(self.pattern):
            raise self._bad("an unmatched )")
        return [Op("save", x=0), *_moved(body, 1), Op("save", x=1), Op("match")]

    def _bad(self, what: str) -> ValueError:
        return ValueError(f"regex_replace: {what} at character {self.at + 1} of the pattern")

    def _peek(self) -> str:
        return self.pattern[self.at : self.at + 1]

    def _take(self) -> str:
        char = self._peek()
        if not char:
            raise self._bad("an end too early")
        self.at += 1
        return char

    def _either(self) -> list[Op]:
        made = self._sequence()
        while self._peek() == "|":
            self.at += 1
            other = self._sequence()
            made = [
                Op("split", x=1, y=len(made) + 2),
                *_moved(made, 1),
                Op("jump", x=len(made) + 2 + len(other)),
                *_moved(other, len(made) + 2),
            ]
            self._check(made)
        return made

    def _sequence(self) -> list[Op]:
        made: list[Op] = []
        while self._peek() not in ("", "|", ")"):
            one = self._repeated(self._atom())
            made += _moved(one, len(made))
            self._check(made)
        return made

    def _check(self, made: list[Op]) -> None:
        if len(made) > PROGRAM_LIMIT:
            raise ValueError("regex_replace: the pattern is too large")

    def _atom(self) -> list[Op]:
        char = self._take()
        if char == "(":
            return self._group()
        if char == "[":
            return [Op("char", self._set())]
        if char == ".":
            return [Op("char", _not(_one("\n", fold=False)))]
        if char in "^$":
            return [Op("at", x=_START if char == "^" else _END)]
        if char in "*+?":
            raise self._bad("nothing to repeat")
        if char == "\\":
            after = self._take()
            if after in "bB":
                return [Op("at", x=_WORD if after == "b" else _NO_WORD)]
            return [Op("char", self._escaped(after))]
        return [Op("char", _one(char, fold=self.fold))]

    def _escaped(self, char: str) -> Test:
        if char in _CLASSES:
            return _CLASSES[char]
        if char in _CONTROLS:
            return _one(_CONTROLS[char], fold=False)
        if char.isalnum():
            raise self._bad(f"\\{char}, which is not supported,")
        return _one(char, fold=False)

    def _group(self) -> list[Op]:
        self.depth += 1
        if self.depth > 20:
            raise self._bad("too many brackets")
        number = None
        if self._peek() == "?":
            if self.pattern[self.at : self.at + 2] != "?:":
                raise self._bad("a kind of group that is not supported")
            self.at += 2
        else:
            self.groups += 1
            number = self.groups
            if number > GROUPS_LIMIT:
                raise self._bad("too many groups")
        body = self._either()
        if self._take() != ")":
            raise self._bad("a missing )")
        self.depth -= 1
        if number is None:
            return body
        return [Op("save", x=2 * number), *_moved(body, 1), Op("save", x=2 * number + 1)]

    def _set(self) -> Test:
        negated = self._peek() == "^"
        self.at += negated
        tests: list[Test] = []
        first = True
        while first or self._peek() != "]":
            first = False
            char = self._take()
            if char == "\\":
                after = self._take()
                if after in _CLASSES:
                    tests.append(_CLASSES[after])
                    continue
                char = _CONTROLS.get(after, after)
            if self._peek() == "-" and self.pattern[self.at + 1 : self.at + 2] not in ("", "]"):
                self.at += 1
                tests.append(self._range(char, self._take()))
            else:
                tests.append(_one(char, fold=self.fold))
        self.at += 1
        found = tuple(tests)
        return lambda char: any(test(char) for test in found) != negated

    def _range(self, low: str, high: str) -> Test:
        if high == "\\":
            high = self._take()
        if low > high:
            raise self._bad("a range that goes backwards")
        if self.fold:
            return lambda char: low <= char.lower() <= high or low <= char.upper() <= high
        return lambda char: low <= char <= high

    def _repeated(self, atom: list[Op]) -> list[Op]:
        while True:
            char = self._peek()
            bounds = self._bounds() if char == "{" else _SIGNS.get(char)
            if bounds is None:
                return atom
            if char != "{":
                self.at += 1
            lazy = self._peek() == "?"
            self.at += lazy
            atom = _repeat(atom, *bounds, lazy=lazy)
            self._check(atom)

    def _bounds(self) -> tuple[int, int | None] | None:
        """`{m}`, `{m,}` or `{m,n}`; None where the brace is only a brace."""
        end = self.pattern.find("}", self.at)
        inner = self.pattern[self.at + 1 : end] if end > 0 else ""
        low, comma, high = inner.partition(",")
        if not low.isdigit() or (high and not high.isdigit()) or len(inner) > 7:
            return None
        least = int(low)
        most = int(high) if high else None if comma else least
        if max(least, most or 0) > REPEAT_LIMIT or (most is not None and most < least):
            raise self._bad(f"a repetition outside 0 to {REPEAT_LIMIT}")
        self.at = end + 1
        return least, most


_SIGNS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def _moved(ops: list[Op], by: int) -> list[Op]:
    """The same instructions, further down in the program."""
    return [
        Op(op.kind, op.test, op.x + by, op.y + by) if op.kind in ("split", "jump") else op
        for op in ops
    ]


def _fork(first: int, second: int, *, lazy: bool) -> Op:
    return Op("split", x=second, y=first) if lazy else Op("split", x=first, y=second)


def _repeat(atom: list[Op], least: int, most: int | None, *, lazy: bool) -> list[Op]:
    made: list[Op] = []
    if (least + (most or 0) + 1) * (len(atom) + 2) > 4 * PROGRAM_LIMIT:
        raise ValueError("regex_replace: the pattern is too large")
    for _n in range(least):
        made += _moved(atom, len(made))
    if most is None:
        start = len(made)
        made.append(_fork(start + 1, start + len(atom) + 2, lazy=lazy))
        made += _moved(atom, start + 1)
        made.append(Op("jump", x=start))
    else:
        for _n in range(most - least):
            start = len(made)
            made.append(_fork(start + 1, start + len(atom) + 1, lazy=lazy))
            made += _moved(atom, start + 1)
    return made
