"""VLM-RM's reward: how close a rendered frame is to a goal prompt in a CLIP model's embedding space.

    reward = VLMReward("a humanoid robot kneeling")
    env = envs.ReplaceReward(envs.make("Humanoid", task="kneeling"), reward)

Source: Rocamonde et al. 2023, "Vision-Language Models are Zero-Shot Reward Models for Reinforcement Learning"
(arXiv 2310.12921).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from reward_designers.base import Components, RewardFn, Transition
from reward_designers.encoders import Encoder
from reward_designers.errors import RewardError
from reward_designers.memory import EpisodeMemory


@dataclass(eq=False)
class VLMReward(RewardFn):
    """Goal-baseline regularised similarity of a frame and a goal prompt (VLM-RM, section 3.2).

    With s the frame's embedding, g the goal's and b the baseline's, all of norm 1, and L the line along g - b:
    R(s') = 1 - |alpha * proj_L(s - g) + (1 - alpha) * (s - g)|^2 / 2. At alpha = 0 that is the cosine similarity of
    s and g; alpha = 1 keeps only what tells the goal from the baseline. Several prompts are averaged, as VLM-RM does,
    without normalising again.

    Attributes:
        goal: What a picture of success shows: a prompt or several.
        baseline: What any picture of the environment shows: a prompt or several; needed for alpha > 0.
        alpha: Strength of the regularisation, in [0, 1].
        model: See `models.load`.
        pretrained: See `models.load`.
        device: See `models.load`.
        precision: See `models.load`.
        batch_size: See `encoder.ClipEncoder`.
        every: See `encoder.ClipEncoder`; more than 1 works in training, where rewards are computed per rollout.
        compile: See `encoder.ClipEncoder`.
        weights: Digest of the model's weights, which `config` adds: a saved reward refuses other weights.
    """

    goal: str | Sequence[str]
    baseline: str | Sequence[str] = ()
    alpha: float = 0.0
    model: str = "tiny_clip"
    pretrained: str | None = None
    device: str = "auto"
    precision: str = "auto"
    batch_size: int | None = None
    every: int = 1
    compile: bool = False
    weights: str | None = None

    name = "vlm"
    reads = frozenset({"next_state"})
    expensive = True

    def __post_init__(self) -> None:
        from reward_designers.vlm.encoder import ClipEncoder
        from reward_designers.vlm.models import load

        self.goal = _prompts("goal", self.goal)
        self.baseline = _prompts("baseline", self.baseline)
        if not self.goal:
            raise RewardError("the VLM reward needs a goal prompt, such as 'a humanoid robot kneeling'")
        if not 0 <= self.alpha <= 1:
            raise RewardError(f"alpha must lie in [0, 1], got {self.alpha}")
        if self.alpha > 0 and not self.baseline:
            raise RewardError(f"alpha={self.alpha} needs a baseline prompt, such as 'a humanoid robot'")
        loaded = load(self.model, self.pretrained, self.device, self.precision)
        if self.weights not in (None, loaded.digest):
            raise RewardError(
                f"the weights of {loaded.label} have changed: this reward was made with {self.weights}, "
                f"found {loaded.digest}; get the old weights, or set weights to null to accept the new ones"
            )
        self._digest = loaded.digest
        self.key = f"frame@{loaded.label}:{loaded.images.precision}{f':every{self.every}' if self.every > 1 else ''}"
        self.inputs = frozenset({self.key})
        self._encoder = ClipEncoder(loaded, self.batch_size, self.every, self.compile)
        self._warn_about(loaded)
        self._text = loaded.text
        self._goal = self._text(self.goal).mean(0)
        self._direction: np.ndarray | None = None
        if self.alpha > 0:
            direction = self._goal - self._text(self.baseline).mean(0)
            norm = np.linalg.norm(direction)
            if norm < 1e-4:
                raise RewardError(f"goal and baseline prompts mean the same to {loaded.label}: {self.goal}")
            self._direction = direction / norm

    def _warn_about(self, loaded: Any) -> None:
        for prompt in (*self.goal, *self.baseline):
            if loaded.text.cuts(prompt):
                warnings.warn(f"{loaded.label} reads only the beginning of {prompt!r}", stacklevel=4)
            if loaded.vocabulary is not None:
                unseen = dict.fromkeys(w for w in re.findall(r"[^\W_]+", prompt.lower()) if w not in loaded.vocabulary)
                if unseen:
                    warnings.warn(
                        f"{loaded.label} was never trained on {', '.join(map(repr, unseen))} in {prompt!r}; what it "
                        "makes of such words is chance. Its vocabulary.txt lists what it knows; a larger model "
                        "(reward.model=ViT-H-14) knows more",
                        stacklevel=4,
                    )

    @property
    def encoders(self) -> Mapping[str, Encoder]:
        """The encoder that turns frames into this model's embeddings; rewards with the same model share the key."""
        return {self.key: self._encoder}

    def __call__(self, t: Transition, memory: EpisodeMemory | None = None) -> Components:
        """The component ``vlm``, ``(n,)``."""
        return {self.name: self.of_embeddings(t.next_state[self.key])}

    def of_embeddings(self, embeddings: np.ndarray) -> np.ndarray:
        """Rewards ``(n,)`` of frame embeddings ``(n, D)`` of any norm."""
        s = np.asarray(embeddings, np.float32)
        e = s / np.linalg.norm(s, axis=-1, keepdims=True) - self._goal
        squared = np.einsum("nd,nd->n", e, e)
        if self._direction is not None:
            along = np.square(np.einsum("nd,d->n", e, self._direction))
            squared = (1 - self.alpha) ** 2 * (squared - along) + along
        return 1 - 0.5 * squared.astype(np.float64)

    def score(self, frames: np.ndarray) -> np.ndarray:
        """Rewards ``(n,)`` of pictures ``(n, H, W, 3)`` uint8: try prompts on a few before training on them."""
        return self.of_embeddings(self._encoder(frames))

    def config(self) -> dict[str, Any]:
        """See `RewardFn.config`; names the weights by their digest, for they are not saved along."""
        return super().config() | {"weights": self._digest}

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and other processes load the model by name (once each) instead of carrying its weights along."""
        return type(self), tuple(getattr(self, f.name) for f in fields(self) if f.init)


def _prompts(kind: str, prompts: str | Sequence[str]) -> tuple[str, ...]:
    prompts = (prompts,) if isinstance(prompts, str) else tuple(prompts)
    for prompt in prompts:
        if not isinstance(prompt, str) or not prompt.strip():
            raise RewardError(f"the {kind} prompt is empty ({prompt!r}): say what a picture of it shows")
    return prompts
