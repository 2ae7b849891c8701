"""A stepper for games of ALFWorld: the same words, commands and facts as TextWorld's, hundreds of times as fast.

simulator = Simulator(load_games("json_2.1.1/valid_seen")[0])
state = simulator.reset()
state = simulator.step(state.admissible[0])

TextWorld parses its grammar again for each text and asks a planner (fast-downward, in C++) for what is possible; here
rules and grammar are parsed once, and what is possible is looked up in the facts. Everything is Python, so that any
number of games run in one process, and nothing has to be compiled or closed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from operator import itemgetter
from typing import Any

from envs.alfworld.conditions import conditions_of
from envs.alfworld.facts import Facts, Query, Row, changed, collect
from envs.alfworld.games import Game
from envs.alfworld.grammar import Context, Grammar, Speaker, parse_grammar
from envs.alfworld.pddl import Action, Conjunction, Fact, Literal, parse_domain, parse_problem, type_facts
from reward_designers.errors import unknown_name

NOTHING_HAPPENS = "Nothing happens."
WORLDS_KEPT = 512
"""Games of which the parsed room is kept, 0.5 MB each at most; the least recently used is parsed again when needed."""
Found = list[tuple[str, tuple["Rules", Row]]]
"""Commands of one action, and what they mean."""


@dataclass(frozen=True)
class State:
    """What a game has come to.

    Attributes:
        feedback: What it says: the room and the goal at first, then what the last command did.
        admissible: The commands that do something, sorted.
        won: Whether the goal is reached.
        conditions: The share of the goal's conditions that hold, see `envs.alfworld.conditions`.
    """

    feedback: str
    admissible: tuple[str, ...]
    won: bool
    conditions: float
    _choices: Mapping[str, tuple[Rules, Row]] = field(repr=False)
    _found: tuple[Found, ...] = field(repr=False)
    _facts: Facts = field(repr=False)
    _world: World = field(repr=False)

    @property
    def score(self) -> int:
        """1 once the goal is reached."""
        return int(self.won)

    @property
    def facts(self) -> frozenset[str]:
        """All that is true, as TextWorld prints it: ``inreceptacle(mug 1: object, desk 1: receptacle)``.

        What is not there is false. TextWorld has ``not_...(...)`` too, for what once was true.
        """
        return frozenset(self._world.printed(self._facts))


class Simulator:
    """One game, played from its start as often as one likes.

    Args:
        game: Which.

    Attributes:
        game: Which.
        state: Where it is; set it to a state that this game was in to go on from there.

    Raises:
        ValueError: The game's rules, grammar or room cannot be read, or its goal asks for what the room has not.
    """

    def __init__(self, game: Game):
        self.game = game
        self.world = world_of(game)
        self.state = self.world.initial

    def reset(self) -> State:
        """Begin."""
        self.state = self.world.initial
        return self.state

    def step(self, command: str) -> State:
        """Do what the command says; one that is not admissible does nothing."""
        self.state = self.world.after(self.state, command.strip())
        return self.state


class Rules:
    """An action of the rules: when it is possible, how it is worded, and what it changes."""

    def __init__(self, action: Action, template: str, feedback: str, changing: frozenset[str]):
        self.template, self.feedback = template, feedback
        variables = tuple(action.parameters)
        self.names = tuple(f"{variable[1:]}:{kind}" for variable, kind in action.parameters.items())
        self.reads = _changing_in(action.conditions, changing)
        self._possible = []
        for conjunction in action.conditions:
            query = Query(conjunction, (), changing)
            self._possible.append((query, _picker([query.places[variable] for variable in variables])))
        place = {variable: number for number, variable in enumerate(variables)}
        self._effects = []
        for effect in action.effects:
            when = [Query(conjunction, variables, changing) for conjunction in effect.when]
            self._effects.append((effect.literal, when, _picker([place[arg] for arg in effect.literal.args])))
        self._void = _void_if(action, place)

    def rows(self, facts: Facts) -> list[Row]:
        """Values of the parameters with which it is possible, and changes anything; some may come twice."""
        rows = [pick(found) for query, pick in self._possible for found in query.rows(facts)]
        if self._void is None:
            return rows
        return [row for row in rows if any(row[one] != row[other] for one, other in self._void)]

    def apply(self, facts: Facts, row: Row) -> Facts:
        """The facts after it."""
        added: list[Fact] = []
        removed: list[Fact] = []
        for literal, when, pick in self._effects:
            if any(query.rows(facts, row) for query in when):
                (added if literal.positive else removed).append((literal.name, *pick(row)))
        return changed(facts, added, [fact for fact in removed if fact not in added])


class World:
    """A room as it is at first, and the rules of what happens in it; nothing here changes any more."""

    def __init__(self, game: Game):
        domain, problem = parse_domain(game.domain), parse_problem(game.problem)
        self._rules, grammar = _rules_of(game.domain, game.grammar)
        self._kinds = problem.objects
        self._names = _names({arg for _, *args in problem.facts for arg in args})
        facts = collect(problem.facts | type_facts(problem.objects, domain))
        self._changing = domain.changing
        self._goal = [Query(conjunction, (), domain.changing) for conjunction in problem.goal]
        self._goal_reads = _changing_in(problem.goal, domain.changing)
        self._conditions = conditions_of(game.task_type, problem.goal)
        if missing := self._conditions.missing(facts):  # TextWorld's loader crashes on most of these
            raise ValueError(f"its goal can never be reached: the room has {missing}")
        self._speaker = Speaker(grammar, self._names, game.goal)
        self._commands: dict[tuple[Rules, Row], str] = {}
        self._static: list[str] | None = None
        self.initial = self._state(self._speaker.say("#intro#", Context(facts, {})), facts, None)

    def after(self, state: State, command: str) -> State:
        """What a command leads to."""
        if command not in state._choices:
            return replace(state, feedback=NOTHING_HAPPENS)
        rules, row = state._choices[command]
        facts = rules.apply(state._facts, row)
        context = Context(facts, dict(zip(rules.names, row, strict=True)))
        return self._state(self._speaker.say(rules.feedback, context), facts, state)

    def printed(self, facts: Facts) -> list[str]:
        """See `State.facts`."""
        if self._static is None:
            names = [name for name in facts if name not in self._changing and name[0] != ":"]
            self._static = [fact for name in names for fact in self._print(name, facts)]
        names = [name for name in facts if name in self._changing]
        return self._static + [fact for name in names for fact in self._print(name, facts)]

    def _print(self, name: str, facts: Facts) -> list[str]:
        named = [[f"{self._names.get(a, a)}: {self._kinds[a]}" for a in row] for row in facts[name].rows.values()]
        return [f"{name}({', '.join(args)})" for args in named]

    def _state(self, feedback: str, facts: Facts, before: State | None) -> State:
        """What a game has come to; what did not depend on the changes since the state before it is taken from there."""
        choices: dict[str, tuple[Rules, Row]] = {}
        found: list[Found] = []
        for number, rules in enumerate(self._rules):
            if before is not None and _same(rules.reads, facts, before._facts):
                possible = before._found[number]
            else:
                possible = [(self._command(rules, row, facts), (rules, row)) for row in sorted(rules.rows(facts))]
            found.append(possible)
            for command, choice in possible:
                choices.setdefault(command, choice)
        if before is not None and _same(self._goal_reads, facts, before._facts):
            won, share = before.won, before.conditions
        else:
            won, share = any(query.rows(facts) for query in self._goal), self._conditions.share(facts)
        return State(feedback, tuple(sorted(choices)), won, share, choices, tuple(found), facts, self)

    def _command(self, rules: Rules, row: Row, facts: Facts) -> str:
        if (rules, row) not in self._commands:
            bound = dict(zip(rules.names, row, strict=True))
            self._commands[rules, row] = self._speaker.say(rules.template, Context(facts, bound))
        return self._commands[rules, row]


@lru_cache(16)
def _rules_of(domain: str, grammar: str) -> tuple[list[Rules], Grammar]:
    """What games of a generation share."""
    parsed, words = parse_domain(domain), parse_grammar(grammar)
    for name in parsed.actions:
        if name not in words.templates:
            raise ValueError(unknown_name("action without words", name, words.templates))
    rules = [
        Rules(action, words.templates[name], words.feedback[name], parsed.changing)
        for name, action in parsed.actions.items()
    ]
    return rules, words


@lru_cache(WORLDS_KEPT)
def world_of(game: Game) -> World:
    """The room of a game, shared by all who play it.

    Raises:
        ValueError: See `Simulator`.
    """
    try:
        return World(game)
    except ValueError as error:
        raise ValueError(f"the game {game.name} cannot be played: {error}") from error


def _same(names: Iterable[str], facts: Facts, before: Facts) -> bool:
    """Whether relations have not changed; those that have are other objects."""
    return all(facts.get(name) is before.get(name) for name in names)


def _changing_in(conditions: tuple[Conjunction, ...], changing: frozenset[str]) -> tuple[str, ...]:
    """The predicates in conditions that actions change."""
    return tuple(sorted({literal.name for conjunction in conditions for literal in conjunction} & changing))


def _picker(places: list[int]) -> Any:
    """Picks entries of a row, always as a tuple."""
    if len(places) == 1:
        return lambda row, place=places[0]: (row[place],)
    return itemgetter(*places) if places else lambda row: ()


def _void_if(action: Action, place: Mapping[str, int]) -> list[tuple[int, int]] | None:
    """Pairs of parameters that must be equal for an action to change nothing; None if it always changes something.

    Going to where one is already: planners leave such actions out, and so does TextWorld.
    """
    always = set(action.conditions[0]).intersection(*action.conditions[1:])
    pairs: list[tuple[int, int]] = []
    added = [effect.literal for effect in action.effects if effect.literal.positive]
    for effect in action.effects:
        literal = effect.literal
        same_as = always if literal.positive else [Literal(name, args, False) for name, args, _ in added]
        twins = [other for other in same_as if (other.name, other.positive) == (literal.name, literal.positive)]
        if effect.when != ((),) or not twins:
            return None
        pairs += [(place[one], place[other]) for one, other in zip(literal.args, twins[0].args, strict=True)]
    return pairs


def _names(ids: set[str]) -> dict[str, str]:
    """What things are called: ``mug 2`` for ``Mug_bar__plus_01...``, with numbers as ALFWorld gives them.

    Names without a number end in a blank; ALFWorld's do too.
    """
    kinds = {}
    for name in sorted(ids):
        kind, bar, _ = name.partition("_bar_")
        kinds[name] = kind + "basin" * ("basin" in name) if bar else ""
    left = Counter(kinds.values())
    names = {}
    for name, kind in kinds.items():
        names[name] = f"{kind} {left[kind]}" if kind else f"{name} "
        left[kind] -= 1
    return names
