"""Reads the .des files of Dungeon Crawl Stone Soup: vaults, their directives, and substitutions.

The syntax is in docs/develop/levels/syntax.txt of the game. Choices are drawn by a pure function of the
vault's name and of how many were drawn before, so that an import gives the same maps everywhere. SHUFFLE, one
outcome of which is no change, is left out. Of Lua, the first branch of a condition and calls with one literal
string are followed; nothing is run.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

DIRECTIVE = re.compile(
    r"^:?\s*(NAME|TAGS|SUBST|NSUBST|CLEAR|KFEAT|KMONS|KITEM|MONS|ITEM|SUBVAULT"
    r"|tags|subst|nsubst|clear|kfeat|kmons|kitem|mons|item)\s*(?:\(\s*[\"'](.*)[\"']\s*\)|:\s*(.*))\s*$"
)


@dataclass
class Vault:
    """A NAME of a .des file with its first MAP and its directives, in order, as (KIND, argument)."""

    name: str
    steps: list[tuple[str, str]] = field(default_factory=list)
    rows: list[str] = field(default_factory=list)


def tags_of(vault: Vault) -> list[str]:
    """The words of the vault's TAGS."""
    return [word for kind, argument in vault.steps if kind == "TAGS" for word in argument.split()]


def parse_des(text: str) -> list[Vault]:
    """The vaults of a .des file that have a map. Raises ValueError when a MAP is not closed by ENDMAP."""
    vaults: list[Vault] = []
    lines = iter(text.splitlines())
    branches: list[bool] = []  # one entry an open Lua block: whether it is the branch not taken
    for line in lines:
        stripped = line.strip()
        while stripped.endswith("\\"):
            stripped = stripped[:-1] + next(lines, "").strip()
        if "{{" in stripped:
            while "}}" not in stripped:
                stripped = next(lines, "}}")
        elif stripped == "MAP":
            rows = _read_rows(lines)
            if vaults and not vaults[-1].rows and not any(branches):
                vaults[-1].rows = rows
        elif stripped.startswith(":") and _track_branch(stripped[1:].strip(), branches):
            continue
        elif match := DIRECTIVE.match(stripped):
            kind, argument = match[1].upper(), (match[2] or match[3] or "").strip()
            if kind == "NAME":
                vaults.append(Vault(argument))
                branches.clear()
            elif vaults and not any(branches):
                vaults[-1].steps.append((kind, argument))
    return [vault for vault in vaults if any(vault.rows)]


def _read_rows(lines: Iterator[str]) -> list[str]:
    rows: list[str] = []
    for row in lines:
        if row.strip() == "ENDMAP":
            return rows
        rows.append(row.rstrip())
    raise ValueError("a MAP is not closed by ENDMAP")


def _track_branch(code: str, branches: list[bool]) -> bool:
    """Follows if, else and end over lines of Lua; gives whether the line was one of them."""
    words = re.findall(r"\w+", re.sub(r"\"[^\"]*\"|'[^']*'", "", code))
    if not words:
        return False
    opens = sum(word in ("if", "for", "while", "function") for word in words)
    closes = words.count("end")
    if words[0] in ("else", "elseif"):
        if branches:
            branches[-1] = True
        return True
    for _ in range(opens - closes):
        branches.append(False)
    for _ in range(min(closes - opens, len(branches))):
        branches.pop()
    return opens > 0 or closes > 0


class Draws:
    """Choices by integer weights that depend on nothing but the vault's name and the order of asking."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._asked = 0

    def below(self, limit: int) -> int:
        """An integer from 0 to limit - 1."""
        self._asked += 1
        digest = hashlib.sha256(f"{self._name}\0{self._asked}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % limit

    def choose(self, options: list[tuple[str, int]]) -> str:
        """One of the options, each with its weight."""
        total = sum(weight for _, weight in options)
        if total <= 0:
            return options[0][0]
        at = self.below(total)
        for value, weight in options:
            at -= weight
            if at < 0:
                return value
        raise AssertionError("weights do not add up")


def split_key(text: str) -> tuple[str, str, str]:
    """Splits "keys = rest" or "keys : rest" into keys, sign and rest; a key may itself be '=' or ':'."""
    text = text.strip()
    for index in range(1, len(text)):
        if text[index] in "=:":
            return text[:index].replace(" ", ""), text[index], text[index + 1 :]
    raise ValueError(f"no '=' or ':' in {text!r}")


def glyph_options(text: str) -> list[tuple[str, int]]:
    """Replacement glyphs with weights, from text such as "T:20 UV" (weight 10 where none is said)."""
    options: list[tuple[str, int]] = []
    for token in text.split():
        weighted = re.fullmatch(r"(\S):(\d+)", token)
        if weighted:
            options.append((weighted[1], int(weighted[2])))
        else:
            options.extend((glyph, 10) for glyph in token)
    return options


def named_options(text: str) -> list[tuple[str, int]]:
    """Alternatives between slashes with weights, from text such as "orc w:20 / nothing"."""
    options: list[tuple[str, int]] = []
    for part in text.split("/"):
        weight = re.search(r"\bw:\s*(\d+)", part)
        options.append((re.sub(r"\bw:\s*\d+", "", part).strip(), int(weight[1]) if weight else 10))
    return options


def substitute(cells: list[list[str]], argument: str, draws: Draws) -> None:
    """Applies SUBST: each occurrence draws its own glyph after '=', all share one after ':'."""
    for part in argument.split(","):
        keys, sign, rest = split_key(part)
        options = glyph_options(rest)
        if not options:
            continue
        fixed = draws.choose(options)
        for row in cells:
            for x, glyph in enumerate(row):
                if glyph in keys:
                    row[x] = fixed if sign == ":" else draws.choose(options)


def substitute_counted(cells: list[list[str]], argument: str, draws: Draws) -> None:
    """Applies NSUBST: so many occurrences, in drawn order, get this replacement, the next so many that."""
    for part in argument.split(","):
        keys, _, rest = split_key(part)
        places = [(y, x) for y, row in enumerate(cells) for x, glyph in enumerate(row) if glyph in keys]
        for index in range(len(places) - 1, 0, -1):
            other = draws.below(index + 1)
            places[index], places[other] = places[other], places[index]
        specs = rest.split("/")
        for order, spec in enumerate(specs):
            match = re.fullmatch(r"\s*(\d+|\*)(?:-(\d+))?\s*([=:])(.*)", spec)
            count = len(places) if order == len(specs) - 1 else 1
            sign, glyphs = "=", spec
            if match:
                sign, glyphs = match[3], match[4]
                low = len(places) if match[1] == "*" else int(match[1])
                count = low + (draws.below(int(match[2]) - low + 1) if match[2] and int(match[2]) >= low else 0)
            options = glyph_options(glyphs)
            if not options:
                continue
            fixed = draws.choose(options)
            for y, x in places[:count]:
                cells[y][x] = fixed if sign == ":" else draws.choose(options)
            places = places[count:]
