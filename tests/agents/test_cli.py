"""The command line: names, types and texts that people get wrong, answered fast and without a traceback."""

from __future__ import annotations

import os
import re
import resource
import runpy
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest
from hydra.core.config_store import ConfigStore

import envs
from agents import cli
from agents.acting.options import ACT
from agents.arguments import prepare, quote
from agents.cli import compose
from agents.comparison.options import COMPARE
from agents.config.algorithms import PPO
from agents.config.commands import EVALUATE, TRAIN, TrainConfig
from agents.config.options import Command, options
from agents.config.rewards import VLMReward
from agents.config.worlds import ENVS, Render
from agents.designing.options import DESIGN
from agents.errors import UsageError
from agents.help import help_text
from agents.offline.options import MOTIF
from agents.prediction.options import PREDICTION


def train_config(*arguments: str) -> TrainConfig:
    return compose(TRAIN, "train", arguments)


def test_the_listed_environments_are_those_that_exist():
    assert sorted(ENVS) == sorted(envs.names())


def test_values_arrive_with_their_types():
    config = train_config(
        "env=Hopper", "algo=ppo", "algo.learning_rate=1e-4", "algo.net_arch=[64,64]", "seed=3", "render=fidelity",
        "env.kwargs.frame_skip=2", "reward=custom", "reward.path=a.py:f", "reward.params.scale=0.5",
        "total_timesteps=200_000",
    )  # fmt: skip
    assert (config.env.name, config.seed, config.render) == ("Hopper", 3, Render.fidelity)
    assert config.env.kwargs == {"frame_skip": 2}
    assert config.total_timesteps == 200_000
    assert isinstance(config.algo, PPO)
    assert (config.algo.learning_rate, config.algo.net_arch, config.algo.gamma) == (1e-4, [64, 64], None)
    assert (config.reward.path, config.reward.params) == ("a.py:f", {"scale": 0.5})


@pytest.mark.parametrize(
    "text",
    [
        "a humanoid robot, kneeling",
        "it's a robot's pose",
        'say "kneel"',
        "pose: on one leg {both arms} (up) [wide]=x",
        "50 % upright; 2 * 3 ≥ 5 — ok?",
        "ends with a backslash \\",
        "a backslash \\' and a quote",
        " leading and trailing ",
    ],
)
def test_free_text_survives(text: str):
    config = train_config("reward=vlm", f"reward.goal={text}")
    assert isinstance(config.reward, VLMReward)
    assert config.reward.goal == text


def test_several_prompts_and_quoted_text():
    assert train_config("reward=vlm", "reward.goal=[a robot,another]").reward.goal == ["a robot", "another"]
    assert train_config("reward=vlm", "reward.goal='a, b'").reward.goal == "a, b"
    assert quote("null") == "null"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["env=humanoyd"], ["unknown env 'humanoyd'", "'Humanoid'", "env.id="]),
        (["reward=vml"], ["unknown reward 'vml'", "'vlm'"]),
        (["algo=pp"], ["unknown algo 'pp'", "'ppo'"]),
        (["sead=3"], ["unknown option 'sead'", "'seed'"]),
        (["algo.learning_rat=3"], ["'algo.learning_rate'"]),
        (["algo=sac", "algo.n_epochs=3"], ["algo=sac has no option 'n_epochs'", "algo=ppo"]),
        (["reward.alpha=1"], ["reward=env has no option 'alpha'", "reward=vlm"]),
        (["render=fst"], ["unknown render 'fst'", "'fast'"]),
        (["reward=intrinsic", "reward.judge=lexcon"], ["unknown reward.judge 'lexcon'", "'lexicon'"]),
        (["seed=abc"], ["seed=abc", "a whole number"]),
        (["seed=1.5"], ["seed=1.5", "a whole number"]),
        (["algo.gamma=high"], ["algo.gamma=high", "a number"]),
        (["video=perhaps"], ["video=perhaps", "true or false"]),
        (["num_envs=0"], ["num_envs=0", "1 or more"]),
        (["total_timesteps=-5"], ["total_timesteps=-5", "1 or more"]),
        (["reward=vlm", "reward.alpha=1.5"], ["reward.alpha=1.5", "1 or less"]),
        (["reward=vlm", "reward.goal="], ["reward.goal is empty"]),
        (["reward=vlm", "reward.goal='  '"], ["reward.goal is empty"]),
        (["reward=vlm", "reward.goal=[a robot,'']"], ["reward.goal is empty"]),
        (["reward=custom"], ["reward=custom needs reward.path=", "file.py:function"]),
        (["Humanoid"], ["expected key=value", "'Humanoid'"]),
        (["seed=0,1"], ["seed=0,1", "-m"]),
        (["seed=99999999999"], ["seed=99999999999", "or less"]),
        (["total_timesteps=1.5e0"], ["total_timesteps=1.5e0", "a whole number"]),
        (["reward=vlm", "reward.goal=[]"], ["reward.goal is empty"]),
        (["algo.net_arch=64"], ["algo.net_arch=64", "a list such as [1,2]"]),
        (["env.kwargs=3"], ["env.kwargs=3", "names with values"]),
        (["reward=vlm", "reward.alpah=1"], ["unknown option of reward=vlm 'reward.alpah'", "'reward.alpha'"]),
        (["total_timestep=1"], ["unknown option 'total_timestep'", "'total_timesteps'"]),
        (["--halp"], ["unknown flag '--halp'", "'--help'"]),
        (["run_dir.x=1"], ["unknown option 'run_dir.x'", "'run_dir'"]),
    ],
)
def test_mistakes_are_named_with_what_was_expected(arguments: list[str], expected: list[str]):
    with pytest.raises(UsageError) as caught:
        train_config(*arguments)
    for words in expected:
        assert words in str(caught.value)


def test_whole_numbers_may_be_written_with_an_exponent():
    config = train_config("total_timesteps=1e6", "algo.n_steps=2.5e2", "algo.learning_rate=1e-4")
    assert (config.total_timesteps, config.algo.n_steps, config.algo.learning_rate) == (1_000_000, 250, 1e-4)
    assert "seed=1,20" in prepare(["-m", "seed=1,2e1"], TRAIN)


def test_sweeps_write_each_job_to_its_own_folder():
    settings = prepare(["-m", "seed=0,1", "env=Hopper", "run_dir=sweep"], TRAIN)
    assert "hydra.sweep.dir='sweep'" in settings
    assert "hydra.sweep.subdir=${hydra.job.override_dirname}" in settings
    assert "hydra.job.config.override_dirname.exclude_keys=[env,run_dir]" in settings
    assert not any(text.startswith("run_dir") for text in settings)
    slashes = prepare(["-m", "reward=custom", "reward.path=a/b.py:f,a/b.py:g"], TRAIN)
    assert "hydra.sweep.subdir=${hydra.job.num}" in slashes


def test_own_choices_from_a_config_directory_are_known(tmp_path):
    (tmp_path / "reward").mkdir()
    (tmp_path / "reward" / "mine.yaml").write_text("_target_: my_package.MyReward\nscale: 1.0\n")
    prepared = prepare([f"--config-dir={tmp_path}", "reward=mine"], TRAIN)
    assert prepared[-1] == "reward=mine"
    prepared = prepare(["--config-dir", str(tmp_path), "reward=mine", "reward.scale=2"], TRAIN)
    assert prepared[-1] == "reward.scale=2"


def test_a_config_directory_that_is_not_there_or_broken(tmp_path):
    with pytest.raises(UsageError, match=r"no folder .*nowhere"):
        prepare([f"--config-dir={tmp_path / 'nowhere'}", "reward=mine"], TRAIN)
    (tmp_path / "reward").mkdir()
    (tmp_path / "reward" / "mine.yaml").write_text("foo: [\n")
    with pytest.raises(UsageError, match=r"reward/mine\.yaml is no YAML"):
        prepare(["--config-dir", str(tmp_path), "reward=mine"], TRAIN)


def test_help_has_a_line_for_every_option_of_what_is_named():
    for group, choices in TRAIN.groups.items():
        for choice, node in choices.items():
            text = help_text(TRAIN, "train", "Train.", [f"{group}={choice}"])
            for config, prefix in ((TrainConfig, ""), (node, f"{group}.")):
                for name, f in options(config).items():
                    assert f"{prefix}{name}=" in text
                    assert f.metadata["help"].split()[0] in text
    assert {f.name for f in fields(EVALUATE.config)} == set(options(EVALUATE.config))


def test_a_folder_at_home_can_be_an_argument_of_the_environment():
    assert train_config("env=ALFWorld", "env.kwargs.games=~/my games").env.kwargs["games"] == "~/my games"


def test_help_is_short_and_names_every_choice():
    text = help_text(TRAIN, "train", "Train.")
    assert len(text.splitlines()) < 90
    assert "algo.learning_rate" not in text
    for group in ("reward", "algo", "llm"):
        for choice in TRAIN.groups[group]:
            assert f"\n  {choice} " in text
    assert max(map(len, text.splitlines())) <= 118


@pytest.mark.parametrize("argument", ["--help", "env=Humanoyd", "seed=x"])
def test_answers_come_before_heavy_imports(argument: str):
    script = f"""
import runpy, sys
sys.argv = ["train", {argument!r}]
code = 0
try:
    runpy.run_module("agents.train", run_name="__main__")
except SystemExit as end:
    code = end.code
heavy = {{"torch", "mujoco", "gymnasium", "stable_baselines3", "matplotlib"}} & set(sys.modules)
assert not heavy, heavy
sys.exit(code)
"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime - before.ru_utime < 3  # s of computing, whoever else does; 0.2 to 0.4 on a quiet machine
    assert "Traceback" not in done.stderr
    if argument == "--help":
        assert done.returncode == 0
        assert "total_timesteps=" in done.stdout
    else:
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")


def test_help_ends_quietly_when_nobody_reads_on():
    """As in `--help | head`; and signals stay as they were, since `main` may be called by another program."""
    ours, theirs = os.pipe()
    os.close(ours)
    command = [sys.executable, "-m", "agents.motif", "--help"]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": ""})
    os.close(theirs)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("[env,custom:my.py:stand,vlm]", ["env", "custom:my.py:stand", "vlm"]),
        ("env,zero", ["env", "zero"]),
        (
            "[good=~/a b/my.py:f, it's=vlm:a robot that's upright]",
            ["good=~/a b/my.py:f", "it's=vlm:a robot that's upright"],
        ),
        ("[env,'vlm:a, b','c']", ["env", "vlm:a, b", "c"]),
        ('[vlm:"a, b (c)",x="d, e"]', ["vlm:a, b (c)", "x=d, e"]),
        ("[1,null,true]", ["1", "null", "true"]),
    ],
)
def test_lists_of_texts_survive(value: str, expected: list[str]):
    assert compose(COMPARE, "compare", [f"rewards={value}"]).rewards == expected


def test_a_quotation_without_end_is_told():
    with pytest.raises(UsageError, match="the quotation that begins with ' has no end"):
        compose(COMPARE, "compare", ["rewards=[env,'vlm:a, b]"])


@pytest.mark.parametrize(
    ("arguments", "offered"),
    [
        (["env=Hopper", "seed=3"], {"Humanoid", "Hopper"}),
        (["-m", "env=Hopper,Swimmer"], set(TRAIN.groups["env"])),
        (["--config-dir=mine", "env=based_on_hopper"], set(TRAIN.groups["env"])),
    ],
)
def test_hydra_is_offered_what_can_be_asked_for(arguments: list[str], offered: set[str]):
    store = ConfigStore()
    cli.register(TRAIN, "train", store, arguments)
    assert {file.removesuffix(".yaml") for file in store.repo["env"]} == offered
    assert "env.yaml" in store.repo["reward"]


@pytest.mark.parametrize(
    "argument", ["task=use sk-a-secret-key", "llm.model=sk-a-secret-key", "output=sk-a-secret-key"]
)
def test_a_key_among_the_options_is_refused_and_not_repeated(monkeypatch, argument: str):
    arguments = ["env=CartPole", "llm=openai", "llm.model=m", argument]
    assert compose(DESIGN, "design", arguments).llm.model
    monkeypatch.setenv("OPENAI_API_KEY", "sk-a-secret-key")
    with pytest.raises(UsageError, match=r"the value of \$OPENAI_API_KEY is among the options") as caught:
        compose(DESIGN, "design", arguments)
    assert "secret" not in str(caught.value)
    with pytest.raises(UsageError, match="the name of an environment variable") as caught:
        compose(DESIGN, "design", ["llm=openai", "llm.model=m", "llm.key_variable=sk-a-secret-key"])
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("command", [TRAIN, EVALUATE, COMPARE, DESIGN, ACT, MOTIF, PREDICTION])
def test_no_folder_has_the_name_of_an_option(command: Command):
    """Hydra looks for config groups in the folder of the command that was called with ``python -m``."""
    folders = {path.name for path in Path(cli.__file__).parent.iterdir() if path.is_dir()}
    assert not folders & {*command.groups, *options(command.config)}


def test_the_package_lists_its_commands(capsys):
    runpy.run_module("agents", run_name="__main__")
    said = capsys.readouterr().out
    for command in ("setup", "train", "evaluate", "compare", "design", "motif"):
        assert re.search(rf"python -m agents\.{command} +\w+ .*\.\n", said)
