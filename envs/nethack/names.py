"""Every id that NLE 1.3 and MiniHack 1.0 register, with its time limit: known without either being installed."""

from __future__ import annotations

from reward_designers.base import unknown_name

_BY_TIME_LIMIT = {
    40: (
        "MultiRoom-N2 MultiRoom-N2-Locked MultiRoom-N2-Lava MultiRoom-N2-Monster MultiRoom-N2-Extreme "
        "MultiRoom-N2-LavaMonsters"
    ),
    50: "WoD-Easy-Full WoD-Easy-Restricted",
    100: (
        "Navigation-Custom Room-5x5 Room-Random-5x5 Room-Dark-5x5 Room-Monster-5x5 Room-Trap-5x5 Room-Ultimate-5x5 "
        "LavaCrossingS9N1 LavaCrossingS9N2 LavaCrossingS9N3 LavaCrossingS11N5 LavaCrossingS19N13 LavaCrossingS19N17 "
        "SimpleCrossingS9N1 SimpleCrossingS9N2 SimpleCrossingS9N3 SimpleCrossingS11N5"
    ),
    120: (
        "MultiRoom-N4 MultiRoom-N4-Locked MultiRoom-N4-Lava MultiRoom-N4-Monster MultiRoom-N4-Extreme "
        "MultiRoom-N4-LavaMonsters"
    ),
    150: "WoD-Medium-Full WoD-Medium-Restricted",
    200: (
        "KeyRoom-Fixed-S5 KeyRoom-S5 KeyRoom-Dark-S5 MazeWalk-9x9 MazeWalk-Mapped-9x9 HideNSeek-Mapped HideNSeek "
        "HideNSeek-Lava"
    ),
    240: (
        "MultiRoom-N6 MultiRoom-N6-OpenDoor MultiRoom-N6-Locked MultiRoom-N6-Lava MultiRoom-N6-Lava-OpenDoor "
        "MultiRoom-N6-Monster MultiRoom-N6-Extreme MultiRoom-N6-LavaMonsters"
    ),
    250: (
        "Skill-Custom Eat Pray Sink Wield Wear PutOn Zap Read Eat-Fixed Pray-Fixed Sink-Fixed Wield-Fixed "
        "Wear-Fixed PutOn-Fixed Zap-Fixed Read-Fixed Eat-Distr Pray-Distr Sink-Distr Wield-Distr Wear-Distr "
        "PutOn-Distr Zap-Distr Read-Distr ClosedDoor LockedDoor LockedDoor-Fixed Levitate-Boots-Full "
        "Levitate-Boots-Restricted Levitate-Ring-Full Levitate-Ring-Restricted Levitate-Potion-Full "
        "Levitate-Potion-Restricted Levitate-Boots-Fixed Levitate-Ring-Fixed Levitate-Potion-Fixed Freeze-Wand-Full "
        "Freeze-Wand-Restricted Freeze-Horn-Full Freeze-Horn-Restricted Freeze-Random-Full Freeze-Random-Restricted "
        "Freeze-Lava-Full Freeze-Lava-Restricted LavaCross-Full LavaCross-Restricted"
    ),
    300: ("Room-15x15 Room-Random-15x15 Room-Dark-15x15 Room-Monster-15x15 Room-Trap-15x15 Room-Ultimate-15x15"),
    350: ("CorridorBattle CorridorBattle-Dark River River-Monster River-Lava River-MonsterLava River-Narrow"),
    360: "MultiRoom-N10 MultiRoom-N10-OpenDoor MultiRoom-N10-Lava MultiRoom-N10-Lava-OpenDoor",
    400: (
        "KeyRoom-S15 KeyRoom-Dark-S15 Boxoban-Unfiltered Boxoban-Medium Boxoban-Hard HideNSeek-Big Labyrinth-Small "
        "WoD-Hard-Full WoD-Hard-Restricted Levitate-Random-Full LavaCross-Levitate-Potion-Pickup-Full "
        "LavaCross-Levitate-Potion-Pickup-Restricted LavaCross-Levitate-Potion-Inv-Full "
        "LavaCross-Levitate-Potion-Inv-Restricted LavaCross-Levitate-Ring-Pickup-Full "
        "LavaCross-Levitate-Ring-Pickup-Restricted LavaCross-Levitate-Ring-Inv-Full "
        "LavaCross-Levitate-Ring-Inv-Restricted LavaCross-Levitate-Full LavaCross-Levitate-Restricted"
    ),
    500: "ExploreMaze-Easy ExploreMaze-Hard ExploreMaze-Easy-Mapped ExploreMaze-Hard-Mapped Quest-Easy",
    1000: (
        "Corridor-R2 Corridor-R3 Corridor-R5 MazeWalk-15x15 MazeWalk-Mapped-15x15 MazeWalk-45x19 "
        "MazeWalk-Mapped-45x19 Labyrinth-Big WoD-Pro-Full WoD-Pro-Restricted Quest-Medium Quest-Hard"
    ),
    2000: ("Sokoban4a-v1 Sokoban4b-v1 Sokoban3a-v1 Sokoban3b-v1 Sokoban2a-v1 Sokoban2b-v1 Sokoban1a-v1 Sokoban1b-v1"),
    5000: (
        "NetHack NetHackScore NetHackStaircase NetHackStaircasePet NetHackOracle NetHackGold NetHackEat "
        "NetHackScout Memento-Short-F2 Memento-F2 Memento-F4"
    ),
    1000000: "NetHackChallenge",
}


def _ids() -> dict[str, int]:
    limits = {}
    for limit, words in _BY_TIME_LIMIT.items():
        for word in words.split():
            name = word if word.startswith("NetHack") else f"MiniHack-{word}"
            limits[name if name[-3:-1] == "-v" else f"{name}-v0"] = limit
    return limits


TIME_LIMITS = _ids()
"""Steps by Gymnasium id, such as ``MiniHack-KeyRoom-S5-v0``."""
NAMES = tuple(env_id.rpartition("-v")[0] for env_id in TIME_LIMITS)
"""The ids without their versions, such as ``MiniHack-KeyRoom-S5``."""
_BY_NAME = dict(zip(NAMES, TIME_LIMITS, strict=True))


def is_nethack(name: str) -> bool:
    """Whether a name looks like one of NetHack's or MiniHack's, whether or not it exists."""
    return name.lower().startswith(("nethack", "minihack"))


def unknown(name: str) -> str:
    """Message for a name that looks like one of theirs, but is none."""
    near = unknown_name("NetHack or MiniHack environment", name, NAMES).partition(" Available:")[0]
    return f"{near} There are {len(NAMES)}; docs/nethack.md lists them."


def upstream_id(name: str) -> str | None:
    """The id that a name with or without version stands for; None if there is none."""
    return name if name in TIME_LIMITS else _BY_NAME.get(name)
