"""Words in file names to tags: what a layer, a creature, an item or a tile shows, as a recipe may ask for it."""

from __future__ import annotations

import re

_ARMS = {
    "sword": "sword swords blade katana scimitar sabre saber falchion rapier claymore brand excalibur sting gladius "
    "greatsword broadsword cutlass aragorn boromir arwen frodo zonguldrok bloodbane leech",
    "axe": "axe broadaxe battleaxe hatchet gimli arga",
    "bow": "bow crossbow sling longbow shortbow arbalest blowgun fustibalus legolas sniper",
    "staff": "staff rod wand stick sceptre scepter quarterstaff lajatang gandalf saruman",
    "polearm": "spear trident halberd glaive scythe lance bardiche fork pike trishula pole",
    "dagger": "dagger knife quickblade sickle hook",
    "whip": "whip bullwhip demonwhip",
    "mace": "mace club hammer morningstar flail eveningstar scourge maul shillelagh nunchaku pick",
}
_TAGS: dict[str, dict[str, str]] = {
    "base": {
        "human": "human demigod",
        "elf": "elf",
        "dwarf": "dwarf",
        "halfling": "halfling gnome spriggan",
        "orc": "orc lorc",
        "undead": "ghoul mummy vampire lich skeleton shadow",
        "demon": "demonspawn gargoyle djinni",
        "draconian": "draconian",
        "naga": "naga merfolk octopode",
        "beast": "minotaur kobold troll ogre centaur gnoll lizard cat felid tengu kenku frog palentonga formicid",
    },
    "legs": {
        "pants": "pants leg trouser long",
        "skirt": "skirt loincloth bikini",
        "armor": "metal chain belt garter",
    },
    "boots": {"boots": "boot boots mid long middle mesh", "shoes": "short shoe hooves spider sandal"},
    "body": {
        "robe": "robe robes gandalf saruman wizard monk",
        "plate": "plate bplate half armour_mummy crystal dragonarm isildur armour breast metal gil-galad boromir",
        "leather": "leather animal skin jacket stud troll belt",
        "mail": "chain chainmail ringmail mail scalemail mesh banded splint ring green_chain",
        "dress": "dress arwen chunli bikini china jessica",
        "cloth": "shirt coat vest susp cloth frodo pipin merry aragorn legolas karate slit sam pj",
    },
    "cloak": {"scarf": "scarf", "cloak": "cloak cape black blue brown cyan gray green magenta red white yellow"},
    "hair": {
        "long": "long elf princess ponytail pony arwen djinn fem pigtail pigtails hightail queue knot ribbons "
        "chopsticks",
        "short": "short brown boromir aragorn frodo sam pipin merry legolas part part2 sweep headband",
        "wild": "wild punk mohawk curly afro spriggan troll mountain",
    },
    "beard": {"long": "long full wizard", "short": "short medium goatee circle garibaldi muttonchops"},
    "head": {
        "helm": "helm fhelm mail visor chain horns horned horn viking iron full dragonhelm isildur cheek",
        "hat": "hat cap wizard straw feather brown hunt cone turban gandalf clown",
        "crown": "crown band taiso wing",
        "hood": "hood mummy bandana ninja",
    },
    "gloves": {"gauntlets": "gauntlet", "gloves": "glove"},
    "hand1": _ARMS | {"light": "fire lantern light spark"},
    "hand2": {
        "shield": "shield buckler lshield gong",
        "book": "book",
        "light": "torch lantern fire light spark",
        "orb": "orb",
        "weapon": "dagger flail club mace rapier sword bladehands",
    },
    "animal": {
        "snake": "adder anaconda python mamba snake viper moccasin serpent eel worm leech",
        "spider": "spider redback tarantella scorpion broodmother culicivora",
        "insect": "beetle butterfly cockroach radroach hornet moth mosquito bee wasp crab",
        "reptile": "alligator turtle lizard iguana dragon basilisk frog bullfrog toad",
        "bat": "bat bennu shrike",
        "beast": "bear hog swine hound jackal wolf warg howler rat elephant yak sheep quokka catoblepas "
        "manticore raiju",
    },
    "humanoid": {
        "elf": "elf spriggan faun satyr",
        "orc": "orc goblin hobgoblin kobold gnoll",
        "giant": "giant ogre troll cyclops ettin titan juggernaut",
        "naga": "naga nagaraja salamander serpent merfolk",
        "centaur": "centaur yaktaur",
        "draconian": "draco-base draco-job",
        "human": "human wizard necromancer knight vault ironbound klown killer myrmidon",
    },
    "undead": {
        "skeleton": "skeleton skeletal skull",
        "ghost": "ghost spectral phantom wraith spectre simulacrum soul eidolon",
        "mummy": "mummy ghoul husk necrophage wight revenant",
        "lich": "lich vampire jiangshi warlock",
    },
    "construct": {
        "golem": "golem gargoyle nargun ushabti servitor guardian armour",
        "statue": "statue pillar obelisk prism ice",
        "elemental": "elemental fire vortex maelstrom twister wisp wisp lightning",
        "arms": "axe lbl sbl mace spear staff whip bow crossbow scythe sword tome",
    },
    "dragon": {"hydra": "hydra", "dragon": "dragon drake wyvern lindwurm"},
    "aberration": {"eye": "eye eyes", "beast": "ox base bwing twing fire shock sting weird thing"},
    "weapon": _ARMS,
    "armor": {
        "helmet": "helmet helm dragonmask",
        "hat": "hat cap hood",
        "boots": "boots",
        "gloves": "glove gloves",
        "cloak": "cloak scarf",
        "shield": "shield shields buckler gong",
        "barding": "barding bardings",
        "robe": "robe",
        "plate": "plate",
        "mail": "chain ring scale scales",
        "leather": "leather skin dragon",
    },
    "food": {
        "fruit": "apple apricot banana choko fruit grape lemon orange pear strawberry",
        "meat": "jerky chunk meat sausage",
        "bone": "bone",
    },
    "misc": {
        "rune": "rune runes",
        "orb": "orb",
        "lamp": "lamp lantern",
        "figure": "bishop king knight pawn queen rook",
    },
    "staff": {"staff": "staff", "rod": "rod"},
    "floor": {
        "cobble": "cobble pebble orc lair lairb spider tomb dirt_b grey mud crypt",
        "grass": "grass moss woodground swamp snake-a snake-c snake-d bog",
        "dirt": "dirt sand sandstone",
        "ice": "ice icy frozen",
        "lava": "lava infernal volcanic nerves rough demonic",
        "brick": "vines rect etched gauntlet cage",
        "marble": "limestone marble mosaic salt crystal",
        "metal": "iron mesh black",
        "sigil": "sigil",
    },
    "wall": {
        "rock": "rock pebble lair orc brick_dark slime shoals spider crypt_rock",
        "brick": "brick catacombs crypt mossy snake iron vines desolation",
        "block": "stone church",
        "carved": "abyss cobalt relief marble undead",
        "crystal": "crystal emerald",
        "ice": "ice icy",
        "metal": "metal silver mirrored bars",
        "lava": "hell volcanic vault flesh moon zot",
    },
}
"""For each slot of a hero, each class of creatures or items and each kind of ground its tags, with the words that
stand for them; of several the first counts."""

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
    "spriggan": "humanoid",
    "demonspawn": "demon",
    "aberr": "aberration",
}
"""Folders of creatures to their classes; the folders that are not here hold several, or parts, effects or copies."""

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

TAGS = {family: tuple(tags) for family, tags in _TAGS.items()}

NOT_LEARNED = frozenset({"cloak/scarf", "gloves/gauntlets", "dragon/hydra", "head/hood"})
"""Tags of which the shipped network saw one picture at most, for all others are held out."""
OFFERED = {
    family: tuple(tag for tag in tags if f"{family}/{tag}" not in NOT_LEARNED) for family, tags in TAGS.items()
}
"""Tags that a recipe may ask for."""

_WORDS = {
    family: [
        (re.compile(rf"(?:^|[-_/\d])(?:{'|'.join(words.split())})(?:$|[-_/\d])"), tag) for tag, words in tags.items()
    ]
    for family, tags in _TAGS.items()
}


def tags_of(family: str, name: str) -> tuple[str, ...]:
    """The tag of a picture by the name of its file; none where no word of it is known."""
    return tuple(tag for pattern, tag in _WORDS.get(family, ()) if pattern.search(name))[:1]


def group_of(name: str) -> str:
    """The drawing that a file name tells: without numbers and colors."""
    words = [word for word in re.split(r"[_\d]+", name) if word and word not in _COLORS]
    return "_".join(words) or name


_CLASS_WORDS = [
    (re.compile(rf"(?:^|_)(?:{'|'.join(words.split())})(?:$|_)"), label)
    for label, words in {
        "demon": "demon devil imp fiend cacodemon balrug hellion",
        "jelly": "ooze jelly slime amoeba pulsating",
        "plant": "plant fungus mushroom treant oklob",
        "holy": "angel daeva paladin phoenix ophan",
    }.items()
]


def class_of(name: str) -> str:
    """The class of a creature by its name; empty where no word of it is known."""
    for pattern, label in _CLASS_WORDS:
        if pattern.search(name):
            return label
    return next((label for label in sorted(set(CLASSES.values())) if tags_of(label, name)), "")


_COLORS = frozenset(
    [
        *("black", "white", "red", "green", "blue", "yellow", "gold", "silver", "brown", "purple", "magenta", "cyan"),
        *("gray", "grey", "orange", "pink", "violet", "teal", "dark", "light", "new", "old", "left", "right"),
        *("male", "female", "m", "f"),
    ]
)
