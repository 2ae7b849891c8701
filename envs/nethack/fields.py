"""What rewards may read of a game of NetHack, by name.

`envs.nethack.game.NetHackGame` offers these arrays: ``bottom_line`` (27,) int64, NLE's ``blstats`` at every step, the
last before a game's end included; ``internals`` (9,) int32, its ``internal``; and what the readers below ask for, which
is made only if somebody reads it.
"""

from __future__ import annotations

import numpy as np

from envs.task import Field

BOTTOM_LINE = (
    "x",
    "y",
    "strength",
    "exact_strength",
    "dexterity",
    "constitution",
    "intelligence",
    "wisdom",
    "charisma",
    "score",
    "hp",
    "max_hp",
    "depth",
    "gold",
    "energy",
    "max_energy",
    "armor_class",
    "monster_level",
    "experience_level",
    "experience_points",
    "time",
    "hunger",
    "burden",
    "dungeon_number",
    "dungeon_level",
    "condition",
    "alignment",
)
"""The entries of NLE's ``blstats``, in their order."""
AT = {name: place for place, name in enumerate(BOTTOM_LINE)}
ON_STAIRS, NUTRITION = 4, 7
"""Entries of NLE's ``internal``."""

_ABOUT = {
    "x": ("squares", "column on the map, 0 to 78"),
    "y": ("squares", "row on the map, 0 to 20, downwards"),
    "strength": ("1", "strength, 3 to 25; 18/01 to 18/100 count as 19 to 21"),
    "exact_strength": ("1", "strength, 3 to 125; 18/xx counts as 18 + xx"),
    "dexterity": ("1", "dexterity"),
    "constitution": ("1", "constitution"),
    "intelligence": ("1", "intelligence"),
    "wisdom": ("1", "wisdom"),
    "charisma": ("1", "charisma"),
    "score": ("points", "the game's own score so far"),
    "hp": ("hit points", "hit points left; 0 when dead"),
    "max_hp": ("hit points", "hit points when unhurt"),
    "depth": ("levels", "depth of the current level below the surface; 1 at the start of NetHack"),
    "gold": ("pieces", "gold carried"),
    "energy": ("1", "magic energy left"),
    "max_energy": ("1", "magic energy when rested"),
    "armor_class": ("1", "armor class: the lower the better, 10 without armor"),
    "monster_level": ("1", "level of the monster that the hero has turned into; 0 in own shape"),
    "experience_level": ("levels", "experience level, from 1"),
    "experience_points": ("points", "experience points"),
    "time": ("turns", "game turns since the start; 1 at first"),
    "hunger": ("1", "0 satiated, 1 not hungry, 2 hungry, 3 weak, 4 fainting, 5 fainted, 6 starved"),
    "burden": ("1", "0 unencumbered, 1 burdened, 2 stressed, 3 strained, 4 overtaxed, 5 overloaded"),
    "dungeon_number": ("1", "which branch of the dungeon: 0 the main one, 2 the Gnomish Mines, ..."),
    "dungeon_level": ("levels", "number of the level within its branch"),
    "condition": ("1", "bit mask of conditions: 1 stoning, 2 slimed, 4 strangled, 8 food poisoning, 16 ill, 32 blind, "
                  "64 deaf, 128 stunned, 256 confused, 512 hallucinating, 1024 levitating, 2048 flying, 4096 riding"),
    "alignment": ("1", "-1 chaotic, 0 neutral, 1 lawful"),
}  # fmt: skip


def _entry(place: int) -> Field:
    unit, description = _ABOUT[BOTTOM_LINE[place]]
    return Field(unit, description, lambda bottom_line: bottom_line[:, place])


FIELDS = {
    "message": Field(
        "text", "what the game said in this step, all parts of it; '' if nothing (str)", lambda said: said
    ),
    "caption": Field(
        "text",
        "what happened in this step: the message, then what changed, as in 'The door opens.; door opened'",
        lambda happened: happened,
    ),
    **{name: _entry(AT[name]) for name in _ABOUT},
    "nutrition": Field("1", "nutrition, 900 at the start; hungry below 150", lambda internals: internals[:, NUTRITION]),
    "on_stairs_down": Field(
        "1",
        "1 while standing on a staircase down, else 0",
        lambda internals: (internals[:, ON_STAIRS] != 0).astype(np.float64),
    ),
    "max_depth": Field("levels", "depth of the deepest level visited in this game", lambda deepest: deepest),
    "explored": Field("squares", "squares that were ever seen, on all levels of this game", lambda explored: explored),
    "has_key": Field("1", "1 while carrying a key, else 0", lambda key_carried: key_carried.astype(np.float64)),
    "doors_opened": Field(
        "doors", "doors that were seen to open, or to be broken, in this game", lambda opened: opened
    ),
    "glyphs": Field("glyphs", "the map, (21, 79) glyph numbers of NetHack", lambda map_glyphs: map_glyphs),
    "glyphs_crop": Field(
        "glyphs", "the map around the hero, (9, 9) by default; beyond it glyph 2359, blank stone", lambda crop: crop
    ),
    "map_text": Field("text", "the same as characters, a line for each row (str)", lambda drawn: drawn),
    "inventory": Field(
        "glyphs", "glyph numbers of what is carried, (55,); 5976 where there is nothing", lambda carried: carried
    ),
}
"""By name; text comes in object arrays ``(n,)`` of str."""
