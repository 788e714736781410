"""Words in file names to tags: what a layer, a creature or an item shows, as a recipe may ask for it."""

from __future__ import annotations

import re

_TAGS: dict[str, dict[str, str]] = {
    "body": {
        "robe": "robe robes gandalf saruman wizard monk",
        "plate": "plate bplate half armour_mummy crystal dragonarm isildur",
        "leather": "leather animal skin jacket stud troll",
        "mail": "chain chainmail ringmail mail scalemail mesh banded splint ring green_chain",
        "dress": "dress arwen chunli bikini",
        "cloth": "shirt coat vest susp cloth frodo pipin merry aragorn legolas karate slit sam",
    },
    "hand1": {
        "sword": "sword blade katana scimitar sabre saber falchion rapier claymore brand excalibur sting gladius",
        "axe": "axe broadaxe hatchet",
        "mace": "mace club hammer morningstar flail eveningstar whip demonwhip",
        "bow": "bow crossbow sling longbow shortbow arbalest blowgun",
        "staff": "staff rod wand stick sceptre scepter quarterstaff lajatang",
        "polearm": "spear trident halberd glaive scythe lance bardiche demon_trident pole fork pick",
        "dagger": "dagger knife quickblade",
    },
    "hand2": {
        "shield": "shield buckler lshield gong",
        "book": "book",
        "light": "torch lantern fire light spark",
    },
    "head": {
        "helm": "helm fhelm mail visor chain ninja horns horned viking",
        "hat": "hat cap wizard straw feather brown hunt",
        "crown": "crown band taiso",
        "hood": "hood mummy bandana",
    },
    "hair": {
        "long": "long elf princess ponytail pony arwen djinn fem pigtail pigtails",
        "short": "short brown boromir aragorn frodo sam pipin merry legolas",
        "wild": "wild punk mohawk curly afro",
    },
    "legs": {"pants": "pants leg trouser", "skirt": "skirt loincloth", "armor": "metal chain belt garter"},
    "boots": {"boots": "boot mid long middle", "shoes": "short shoe hooves spider sandal"},
    "gloves": {"gauntlets": "gauntlet", "gloves": "glove"},
    "cloak": {"cloak": "cloak cape"},
    "beard": {"long": "long", "short": "short medium goatee circle"},
    "base": {
        "human": "human",
        "elf": "elf",
        "dwarf": "dwarf",
        "orc": "orc",
        "undead": "ghoul mummy vampire lich skeleton",
        "beast": "minotaur kobold troll ogre centaur naga gnoll lizard draconian cat felid tengu kenku",
    },
}
"""For each slot its tags, each with the words that stand for it."""

CLASSES = {
    "animals": "animal",
    "aquatic": "animal",
    "undead": "undead",
    "demons": "demon",
    "dragons": "dragon",
    "draco": "humanoid",
    "humanoids": "humanoid",
    "demihumanoids": "humanoid",
    "unique": "humanoid",
    "amorphous": "jelly",
    "eyes": "aberration",
    "aberrations": "aberration",
    "abyss": "aberration",
    "mutantbeast": "aberration",
    "fungi_plants": "plant",
    "holy": "holy",
    "nonliving": "construct",
    "statues": "construct",
}
"""Folders of creatures to their classes; the folders that are not here hold parts, effects or copies."""

SLOTS = ("base", "legs", "boots", "body", "cloak", "hair", "beard", "head", "gloves", "hand1", "hand2")
"""Layers of a hero in the order in which they are drawn."""
STACK = ("cloak", *(slot for slot in SLOTS if slot != "cloak"))
"""Layers of a hero from the lowest up: a cloak hangs behind its wearer."""

ITEMS = {
    "weapon": "weapon",
    "armour": "armor",
    "potion": "potion",
    "scroll": "scroll",
    "wand": "wand",
    "staff": "staff",
    "rod": "staff",
    "book": "book",
    "ring": "ring",
    "amulet": "amulet",
    "food": "food",
    "gold": "gold",
    "misc": "misc",
}
TILES = {"floor": "floor", "wall": "wall"}

TAGS = {slot: tuple(tags) for slot, tags in _TAGS.items()}
_WORDS = {
    slot: [(re.compile(rf"(?:^|[_\d])(?:{'|'.join(words.split())})(?:$|[_\d])"), tag) for tag, words in tags.items()]
    for slot, tags in _TAGS.items()
}


def tags_of(slot: str, name: str) -> tuple[str, ...]:
    """Tags of a layer by its file name."""
    return tuple(tag for pattern, tag in _WORDS.get(slot, ()) if pattern.search(name))


def group_of(name: str) -> str:
    """The drawing that a file name tells: without numbers and colors."""
    words = [word for word in re.split(r"[_\d]+", name) if word and word not in _COLORS]
    return "_".join(words) or name


_COLORS = frozenset(
    [
        *("black", "white", "red", "green", "blue", "yellow", "gold", "silver", "brown", "purple", "magenta", "cyan"),
        *("gray", "grey", "orange", "pink", "violet", "teal", "dark", "light", "new", "old", "left", "right"),
        *("male", "female", "m", "f"),
    ]
)
