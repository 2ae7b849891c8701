"""The data card of the tiny CLIP: what it sees, and what it does not, measured on held-out states.

    python -m agents.tiny_clip.card --model assets/tiny_clip     # measures again, on the frames that training left

Chance is stated beside every figure, and a model with random weights beside every correlation. Fitness is that of the
tasks (`envs.find_task`): the ground truth that no caption uses.
"""

from __future__ import annotations

import argparse
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import torch
from scipy.stats import spearmanr

import envs
from agents.tiny_clip.captions import PROPOSITIONS, Proposition, plain, unseen, vocabulary
from agents.tiny_clip.frames import Shard
from envs.task import Task
from reward_designers.vlm.encoder import ClipEncoder
from reward_designers.vlm.models import ClipModel, load

POSTURES: tuple[str, ...]
POSTURES = ("standing", "kneeling", "splits", "one_leg", "sitting", "crouching", "all_fours", "bending_forward")
POSTURES += ("on_back", "on_front", "on_side", "upside_down")
ARMS = ("both_arms_up", "one_arm_up", "arms_out", "arms_down", "arms_front", "on_hips", "crossed")
OTHER_TASKS = {
    "hopper": ("Hopper", "standing"),
    "pendulum": ("InvertedPendulum", "upright"),
    "double_pendulum": ("InvertedDoublePendulum", "balancing"),
    "cartpole": ("CartPole", "upright"),
}


class Seen:
    """A model with the embeddings of all held-out frames.

    Args:
        model: A loaded model.
        shards: Held-out frames by kind of body.
    """

    def __init__(self, model: ClipModel, shards: dict[str, Shard]) -> None:
        encoder = ClipEncoder(model, batch_size=64)
        self.model = model
        self.frames = {name: encoder(np.array(shard.frames)).astype(np.float32) for name, shard in shards.items()}

    def cosine(self, species: str, captions: list[str]) -> np.ndarray:
        """(n frames, n captions)."""
        return self.frames[species] @ self.model.text(captions).T

    def reward(self, species: str, goal: str, baseline: str, alpha: float) -> np.ndarray:
        """(n,) VLM-RM's reward, METHODS: 1 - |alpha proj(s) + (1 - alpha) s - g|^2 / 2."""
        s, (g, b) = self.frames[species], self.model.text([goal, baseline])
        u = (g - b) / np.linalg.norm(g - b)
        e = s - g
        along = (e @ u) ** 2
        return 1 - 0.5 * ((1 - alpha) ** 2 * ((e**2).sum(1) - along) + along)


def rank(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's correlation; nan where there is nothing to rank."""
    return float(spearmanr(a, b).statistic) if len(a) > 2 and np.ptp(a) > 0 and np.ptp(b) > 0 else float("nan")


def auc(score: np.ndarray, positive: np.ndarray, negative: np.ndarray) -> float:
    """Chance that a positive scores above a negative."""
    if not positive.any() or not negative.any():
        return float("nan")
    above = score[positive][:, None] - score[negative][None]
    return float((above > 0).mean() + 0.5 * (above == 0).mean())


def choice(truth: np.ndarray, score: np.ndarray, clear: float = 0.7, margin: float = 0.25) -> tuple[float, int, float]:
    """Accuracy of picking the truest of several captions where one clearly is: (accuracy, frames, majority's share)."""
    order = np.sort(truth, axis=1)
    use = (order[:, -1] >= clear) & (order[:, -1] - order[:, -2] >= margin)
    right, picked = truth[use].argmax(1), score[use].argmax(1)
    majority = np.bincount(right, minlength=truth.shape[1]).max() / max(1, use.sum())
    return float((right == picked).mean()), int(use.sum()), float(majority)


def fitness(task: Task, shard: Shard) -> np.ndarray:
    """(n,) ground truth of a task in these states, at rest."""
    wanted = task.fitness.function
    assert callable(wanted)
    fields = {name: task.fields[name.removeprefix("next_")] for name in read_by(task)}
    arrays = simulator_arrays(shard, {read for field in fields.values() for read in field.reads})
    values = {name: field.compute(**{read: arrays[read] for read in field.reads}) for name, field in fields.items()}
    return np.asarray(wanted(**values))


def simulator_arrays(shard: Shard, names: set[str]) -> dict[str, np.ndarray]:
    """MuJoCo's arrays in these states by name, (n, ...) each; CartPole has only its state."""
    f = shard.features
    if f.model is None:
        return dict.fromkeys(names, f.qpos)
    data = mujoco.MjData(f.model)
    rows: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for qpos in f.qpos:
        data.qpos[:] = qpos
        mujoco.mj_forward(f.model, data)
        for name, row in rows.items():
            row.append(np.array(getattr(data, name)))
    return {name: np.stack(row) for name, row in rows.items()}


def read_by(task: Task) -> list[str]:
    """What a fitness reads; a pose shows its ``next_`` fields only."""
    assert callable(task.fitness.function)
    parameters = inspect.signature(task.fitness.function).parameters.values()
    return [p.name for p in parameters if p.default is p.empty]


def column(shard: Shard, name: str) -> int:
    """Where a proposition is in ``shard.truth``."""
    return [PROPOSITIONS[i].name for i in shard.about].index(name)


def proposition(shard: Shard, name: str) -> Proposition:
    """A proposition about this body."""
    return PROPOSITIONS[shard.about[column(shard, name)]]


def table(head: list[str], rows: list[list[Any]]) -> str:
    """A Markdown table; numbers to two digits."""

    def show(value: Any) -> str:
        if isinstance(value, float):
            return "–" if np.isnan(value) else f"{value:.2f}"
        return str(value)

    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(show, row)) + " |" for row in rows])


def task_rows(shards: dict[str, Shard], trained: Seen, blank: Seen) -> list[list[Any]]:
    """Reward against fitness, task by task: on poses, and on random roll-outs and falls."""
    wanted = [("humanoid", "Humanoid", name) for name in envs.tasks("Humanoid")]
    wanted += [(species, *where) for species, where in OTHER_TASKS.items()]
    rows = []
    for species, env, name in wanted:
        task = envs.find_task(env, name)
        if not all(name.startswith("next_") for name in read_by(task)):
            continue  # running is not to be seen in one frame
        shard = shards[species]
        truth, goal, baseline = fitness(task, shard), task.goal_prompts[0], task.baseline_prompts[0]
        posed, rolled = ~shard.where(kind="rollout"), shard.where(kind="rollout")
        row: list[Any] = [f"{env} {name}"]
        for model in (trained, blank):
            reward = model.reward(species, goal, baseline, 0.0)
            row += [rank(reward[posed], truth[posed]), rank(reward[rolled], truth[rolled])]
        guided = trained.reward(species, goal, baseline, 0.5)
        row += [rank(guided[posed], truth[posed])]
        good = truth >= 0.8 if truth.max() >= 0.8 else truth >= np.quantile(truth, 0.98)
        plainly = trained.reward(species, goal, baseline, 0.0)
        row += [auc(plainly, good & which, ~good & which) for which in (posed, rolled)]
        rows.append([row[0], row[1], row[3], row[2], row[4], *row[5:]])
    return rows


def attribute_rows(shards: dict[str, Shard], trained: Seen, blank: Seen) -> list[list[Any]]:
    """Each proposition: does its caption rise with its degree?"""
    rows = []
    for species, shard in shards.items():
        for at, number in enumerate(shard.about):
            p = PROPOSITIONS[number]
            if not p.name:
                continue
            truth = shard.truth[:, at]
            score, other = (m.cosine(species, [plain(p)])[:, 0] for m in (trained, blank))
            rows.append(
                [species, plain(p), rank(score, truth), auc(score, truth > 0.75, truth < 0.25), rank(other, truth)]
            )
    return rows


def wording_rows(shards: dict[str, Shard], trained: Seen) -> list[list[Any]]:
    """The same caption in trained and in unseen words: mean rank correlation with the degree."""
    found: dict[str, list[tuple[float, float]]] = {}
    for species, shard in shards.items():
        for at, number in enumerate(shard.about):
            p = PROPOSITIONS[number]
            if not p.name or species == "cartpole":
                continue
            truth = shard.truth[:, at]
            told = rank(trained.cosine(species, [plain(p)])[:, 0], truth)
            for how, text in unseen(p).items():
                found.setdefault(how, []).append((told, rank(trained.cosine(species, [text])[:, 0], truth)))
    return [[how, len(pairs), *np.nanmean(pairs, axis=0).tolist()] for how, pairs in found.items()]


def combination_rows(shards: dict[str, Shard], trained: Seen) -> list[list[Any]]:
    """Postures and arms never trained together, picked among all arms by the caption of both."""
    shard = shards["humanoid"]
    rows = []
    for posture, arms, phrase in (
        ("kneeling", "both_arms_up", "kneeling {}"),
        ("sitting", "crossed", "sitting {}"),
        ("splits", "on_hips", "doing the splits {}"),
        ("lotus", "one_arm_up", "meditating {}"),
    ):
        held = shard.where(held_out=True)
        use = held & (shard.truth[:, column(shard, posture)] > 0.7) & (shard.truth[:, column(shard, arms)] > 0.7)
        if use.sum() < 5:
            continue
        says = [f"a humanoid robot {phrase.format(proposition(shard, a).phrases[0])}" for a in ARMS]
        picked = trained.cosine("humanoid", says)[use].argmax(1)
        rows.append([says[ARMS.index(arms)], int(use.sum()), float((picked == ARMS.index(arms)).mean()), 1 / len(ARMS)])
    return rows


def choice_rows(shards: dict[str, Shard], trained: Seen, blank: Seen) -> list[list[Any]]:
    """Retrieval: which of several captions is the true one?"""
    humanoid = shards["humanoid"]
    rows = []
    for title, names in (("posture", POSTURES), ("arms", ARMS)):
        truth = humanoid.truth[:, [column(humanoid, n) for n in names]]
        says = [plain(proposition(humanoid, n)) for n in names]
        hit, n, majority = choice(truth, trained.cosine("humanoid", says))
        rows.append(
            [
                f"Humanoid {title}, {len(names)} captions",
                n,
                hit,
                majority,
                choice(truth, blank.cosine("humanoid", says))[0],
            ]
        )
    kinds = {"humanoid": "a humanoid robot", "hopper": "a hopper", "walker": "a walker", "cheetah": "a half cheetah"}
    kinds |= {"ant": "an ant", "pendulum": "pole and cart", "double_pendulum": "a double pendulum on a cart"}
    hits: dict[bool, list[np.ndarray]] = {True: [], False: []}
    for species in shards:
        right = list(kinds).index("pendulum" if species == "cartpole" else species)
        for model in (trained, blank):
            picked = model.cosine(species, list(kinds.values())).argmax(1)
            hits[model is trained].append(picked == right)
    sizes = [len(h) for h in hits[True]]
    total = [float(np.concatenate(hits[own]).mean()) for own in (True, False)]
    rows.append([f"kind of body, {len(kinds)} captions", sum(sizes), total[0], max(sizes) / sum(sizes), total[1]])
    return rows


def measure(folder: Path, shards: dict[str, Shard]) -> dict[str, list[list[Any]]]:
    """All tables of the card."""
    torch.set_num_threads(1)
    trained, blank = Seen(load(str(folder.resolve())), shards), Seen(load(str(folder.resolve()), ""), shards)
    return {
        "choices": choice_rows(shards, trained, blank),
        "tasks": task_rows(shards, trained, blank),
        "attributes": attribute_rows(shards, trained, blank),
        "wordings": wording_rows(shards, trained),
        "combinations": combination_rows(shards, trained),
    }


def weak(rows: list[list[Any]], tasks: list[list[Any]]) -> str:
    """What the model does not see, in words, from the figures."""
    poor = [f'"{row[1]}" ({row[2]:.2f})' for row in rows if row[2] < 0.4]
    failing = [f"{row[0]} (Spearman {row[1]:.2f}, AUC {row[6]:.2f})" for row in tasks if row[1] < 0.6 or row[6] < 0.9]
    return (
        f"- Captions whose cosine hardly follows their degree (Spearman below 0.4): {', '.join(poor) or 'none'}.\n"
        "- Tasks whose reward follows their fitness badly on poses (Spearman below 0.6 or AUC below 0.9): "
        f"{', '.join(failing) or 'none'}."
    )


_TASK_HEAD = ["task", "poses", "random weights", "roll-outs, falls", "random weights", "poses, α = 0.5"]
_TASK_HEAD += ["AUC, poses", "AUC, roll-outs"]


def write_card(folder: Path, shards: list[Shard], settings: Any, log: Callable[[str], None] = print) -> None:
    """Measure, and write ``README.md`` into the model's folder."""
    by_name = {shard.species: shard for shard in shards}
    tables = measure(folder, by_name)
    frames = sum(len(shard.frames) for shard in shards)
    size = (folder / "model.safetensors").stat().st_size / 1e6
    text = f"""# tiny CLIP: the embedded vision-language model

A CLIP of {size:.1f} MB that runs on any CPU: a ModifiedResNet [1, 1, 1, 1] of width 16 at 96 px and a two-layer text
tower of width 64, with CLIP's whole BPE vocabulary. `open_clip.create_model("local-dir:assets/tiny_clip")` loads it.
Made by `python -m agents.tiny_clip.train` ({settings.train} frames, {settings.epochs} epochs, seed {settings.seed});
this page is written by it too, all figures are from {frames} held-out frames.

**It is a learned stand-in for predicates of the simulator's state, not evidence about zero-shot CLIP.** It was trained
on pictures of Humanoid, Hopper, Walker2d, HalfCheetah, Ant, the two inverted pendulums and CartPole, with captions
computed from the same simulator states; it knows {len(vocabulary())} words (`vocabulary.txt`) and nothing else of the
world. A prompt with other words is scored as if these were not there, and the kit warns about it. Say what it sees in
those words: "a humanoid robot kneeling", "a one-legged robot standing upright", "pole vertically upright on top of the
cart".

Captions are graded: a robot half way up is half standing. The degrees (`agents/tiny_clip/degrees.py`) are written apart
from the tasks' fitness (`envs/mujoco`), which no caption uses; both look at heights and angles, so they do correlate.

## Which caption is true?
Frames where one caption clearly is.

{table(["choice", "frames", "accuracy", "majority", "random weights"], tables["choices"])}

## Reward against fitness
Spearman's rank correlation of VLM-RM's reward (task prompts, α = 0) with the task's fitness, on held-out poses (and
ways between them, and controlled motion), and on random roll-outs with falls; chance is 0. All cameras and colors
mixed. AUC: the chance that a successful state (fitness ≥ 0.8, or the best 2 %) is rewarded above another; it says more
than a rank where fitness is 0 or 1, as for the poles.

{table(_TASK_HEAD, tables["tasks"])}

## What it cannot see
{weak(tables["attributes"], tables["tasks"])}
- Motion: a frame has no velocity, so "running forward" or "hopping" means a pose at best.
- What is hidden: crossed arms from behind, the far leg from the side.
- Anything that is not one of these bodies on its floor.

## Combinations never trained
Picked among {len(ARMS)} captions that differ in the arms, on frames of postures and arms that training never shows
together. (The caption of kneeling with both arms raised was said in training, but was never true.)

{table(["caption", "frames", "accuracy", "chance"], tables["combinations"])}

## Unseen wordings
Mean Spearman's correlation with the degree, over the captions that have such a variant.

{table(["what is new", "captions", "trained wording", "unseen wording"], tables["wordings"])}

## Every caption
Spearman's correlation of cosine and degree, and the chance that a frame of degree above 0.75 scores above one below
0.25.

{table(["body", "caption", "Spearman", "AUC", "random weights"], tables["attributes"])}
"""
    (folder / "README.md").write_text(text)
    log(text[: text.index("## Combinations")])


def main(argv: list[str] | None = None) -> None:
    """Command line."""
    from agents.tiny_clip.train import Settings, load_split

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("assets/tiny_clip"))
    parser.add_argument("--work", type=Path, default=Path("runs/tiny_clip"))
    for name in ("train", "test", "epochs", "seed"):
        parser.add_argument(f"--{name}", type=int, default=getattr(Settings(), name))
    args = parser.parse_args(argv)
    settings = Settings(train=args.train, test=args.test, epochs=args.epochs, seed=args.seed)
    write_card(args.model, load_split("test", args.test, args.seed, args.work / "frames").shards, settings)


if __name__ == "__main__":
    main()
