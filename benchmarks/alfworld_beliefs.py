"""What rules believe of ALFWorld beside the truth: contradictions, and whether a goal is believed reached when it is.

    python -m benchmarks.alfworld_beliefs                                  # all embedded games; some minutes
    python -m benchmarks.alfworld_beliefs games=json_2.1.1 steps=200       # games of one's own, longer random walks

Each game is played in both generations of wording, twice: a random walk and then the shortest way to the goal, if there
still is one, with idle commands strewn in; and that way from the start. After every step the belief is compared with
the facts, and the scores of both against the goal with whether the game is won.
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from envs.alfworld.games import Game, load_games
from envs.alfworld.planner import plan
from envs.alfworld.simulator import Simulator, State
from reward_designers.factored import AlfworldFacts, AlfworldGoals, AlfworldRules, Episode
from reward_designers.factored.alfworld import contradictions

WORDINGS = (
    ("You arrive at {lend.name}.", "You arrive at {r.name}."),
    ("put {o} in/on {r}", "move {o} to {r}"),
    ("You put the {o.name} in/on the {r.name}.", "You move the {o.name} to the {r.name}."),
)
"""Where alfworld's grammar of 0.2 and that of 0.4 differ."""
IDLE = ("look", "inventory", "examine")


class Audit:
    """Belief and truth side by side.

    Args:
        game: Which is played.

    Attributes:
        counts: Steps, attributes compared, contradictions, wins, and disagreements about whether the goal is reached.
        found: What was wrong, in words.
    """

    def __init__(self, game: Game):
        self.game, self.simulator = game, Simulator(game)
        self.counts: Counter[str] = Counter()
        self.found: list[str] = []
        self.seconds = 0.0

    def begin(self) -> State:
        """A new episode."""
        state = self.simulator.reset()
        self.rules = Episode(AlfworldRules(), AlfworldGoals())
        self.facts = Episode(AlfworldFacts(), AlfworldGoals())
        self.rules.begin(observation=state.feedback, goal=self.game.goal)
        self.facts.begin(facts="\n".join(state.facts), goal=self.game.goal)
        return state

    def step(self, command: str) -> State:
        """Do it, and compare."""
        state = self.simulator.step(command)
        start = time.process_time()
        believed = self.rules.step(observation=state.feedback)
        self.seconds += time.process_time() - start
        true = self.facts.step(facts="\n".join(state.facts))
        wrong = list(contradictions(self.rules.state, self.facts.state))
        self.counts["steps"] += 1
        self.counts["attributes"] += sum(len(attributes) for _, attributes in self.rules.state)
        self.counts["contradictions"] += len(wrong)
        self.counts["won"] += state.won
        self.counts["facts disagree"] += (true == 1.0) != state.won
        self.counts["rules disagree"] += (believed == 1.0) != state.won
        if (believed == 1.0) != state.won:
            wrong.append(f"believed {believed:.3f}, {'won' if state.won else 'not won'}")
        self.found += [f"{self.game.name}: {command} | {state.feedback} | {what}" for what in wrong]
        return state


def audit(game: Game, steps: int, rng: random.Random) -> Audit:
    """Play a game twice, with and without a random walk at first."""
    check = Audit(game)
    for walk in (steps, 0):
        state = check.begin()
        for _ in range(walk):
            if not state.won:
                state = check.step(rng.choice(state.admissible))
        try:
            way = plan(game, state)
        except ValueError:  # no receptacle takes what the walk has picked up
            way = ()
        for command in way:
            while rng.random() < 0.3:
                state = check.step(rng.choice([idle for idle in state.admissible if idle.startswith(IDLE)]))
            state = check.step(command)
        check.counts["unfinished"] += not state.won
    return check


def reworded(game: Game) -> Game:
    """The same game in the words of the other generation."""
    old = WORDINGS[0][0] in game.grammar
    grammar, commands = game.grammar, game.walkthrough
    for before, after in WORDINGS[:1] + WORDINGS[2:]:
        grammar = grammar.replace(*((before, after) if old else (after, before)))
    grammar = grammar.replace(*(f'"{words}"' for words in (WORDINGS[1] if old else WORDINGS[1][::-1])))
    pattern, words = (r"put (.+) in/on (.+)", r"move \1 to \2") if old else (r"move (.+) to (.+)", r"put \1 in/on \2")
    commands = tuple(re.sub(f"^{pattern}$", words, command) for command in commands)
    return replace(game, grammar=grammar, walkthrough=commands)


def audits(games: list[Game], steps: int) -> Iterator[Audit]:
    """One game after the other in both wordings, the same way each time."""
    for number, game in enumerate(games):
        for version in (game, reworded(game)):
            yield audit(version, steps, random.Random(number))


def main(arguments: list[str]) -> None:
    """Print what was found, and a table."""
    options = dict(argument.split("=", 1) for argument in arguments)
    games = load_games(options.get("games"))
    total, seconds, by_type = Counter[str](), 0.0, dict[str, Counter[str]]()
    for check in audits(games, int(options.get("steps", 40))):
        seconds += check.seconds
        check.counts["games"] = 1
        total.update(check.counts)
        by_type.setdefault(check.game.task_type, Counter()).update(check.counts)
        for line in check.found:
            print(line, flush=True)
    columns = (
        "games",
        "steps",
        "attributes",
        "contradictions",
        "won",
        "unfinished",
        "facts disagree",
        "rules disagree",
    )
    print("| task | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for name, counts in [*sorted(by_type.items()), ("all", total)]:
        print(f"| {name} | " + " | ".join(f"{counts[column]:,}" for column in columns) + " |")
    print(f"{1e6 * seconds / max(total['steps'], 1):.0f} CPU-us a step for rules and score")


if __name__ == "__main__":
    main(sys.argv[1:])
