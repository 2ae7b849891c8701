"""What glyph numbers stand for, in words, as far as a player can see it."""

from __future__ import annotations

import functools

from envs.nethack.rules import BLANK, nethack

SYMBOLS = {i: nethack.symdef.from_idx(i).explanation for i in range(nethack.MAXPCHARS)}
"""What the map's symbols stand for, by number; their glyphs begin at `BLANK`."""
CLOSED_DOORS = tuple(BLANK + i for i, name in SYMBOLS.items() if name == "closed door")
OPEN_DOORS = tuple(BLANK + i for i, name in SYMBOLS.items() if name in ("open door", "doorway"))
"""Doorways without a door, or with a broken one, are among them."""
_FEATURES = ("staircase", "ladder", "altar", "grave", "throne", "sink", "fountain", "water", "lava", "trap", "door",
             "drawbridge", "portal", "pit", "hole", "web", "squeaky", "mine")  # fmt: skip
_UNCOUNTED = ("water", "molten lava", "gold")
# What unidentified things look like is drawn anew for each game, their glyphs are not: say no more than the class.
_CLASSES = {
    nethack.RING_CLASS: "ring",
    nethack.AMULET_CLASS: "amulet",
    nethack.POTION_CLASS: "potion",
    nethack.SCROLL_CLASS: "scroll",
    nethack.SPBOOK_CLASS: "spellbook",
    nethack.WAND_CLASS: "wand",
    nethack.COIN_CLASS: "gold",
    nethack.GEM_CLASS: "gem or stone",
    nethack.ARMOR_CLASS: "piece of armor",
}


@functools.cache
def sight(glyph: int) -> str | None:
    """What a player sees there, with an article; None for walls, floors, pets, effects and whatever else is no news."""
    if nethack.GLYPH_MON_OFF <= glyph < nethack.GLYPH_PET_OFF:
        return _with_article(nethack.permonst(glyph).mname)
    if nethack.GLYPH_BODY_OFF <= glyph < nethack.GLYPH_RIDDEN_OFF:
        return _with_article(f"{nethack.permonst(glyph - nethack.GLYPH_BODY_OFF).mname} corpse")
    if nethack.GLYPH_OBJ_OFF <= glyph < nethack.GLYPH_CMAP_OFF:
        kind = nethack.objclass(glyph - nethack.GLYPH_OBJ_OFF)
        name = _CLASSES.get(ord(kind.oc_class), nethack.OBJ_DESCR(kind) or nethack.OBJ_NAME(kind))
        return _with_article(name) if name else None
    name = SYMBOLS.get(glyph - BLANK, "")
    if any(word in name for word in _FEATURES) and name not in ("open door", "doorway"):
        return _with_article(name)
    return _with_article("statue") if glyph >= nethack.GLYPH_STATUE_OFF else None


def _with_article(name: str) -> str:
    if name in _UNCOUNTED:
        return name
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
