"""What a command is around its task: arguments to a typed config, jobs of a sweep, and how it ends.

Hydra composes the config, sweeps (``-m``) and runs jobs; what it leaves to be desired is done here and in `arguments`,
without importing anything heavy. Errors that a user can mend end the program with a message and no traceback.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Sequence, Set
from dataclasses import field, fields, is_dataclass, make_dataclass
from typing import Any

from agents.arguments import prepare
from agents.config.options import Command, options
from agents.errors import UsageError, fail, users_line
from agents.help import help_text


def refuse_changes(given: Set[str], anew: Sequence[str], what: str, where: object) -> None:
    """See to it that what goes on where it was left, goes on as it began.

    Args:
        given: Keys on the command line.
        anew: Those that may be given beside ``resume``; a group's name allows its options.
        what: Such as ``a run is``.
        where: The file that says how it began.

    Raises:
        UsageError: Others were given.
    """
    if extra := sorted(key for key in given if key.partition(".")[0] not in ("resume", *anew)):
        raise UsageError(
            f"{', '.join(extra)} cannot change when {what} resumed: it goes on as {where} says. "
            f"Only {', '.join(anew)} may be given."
        )


def take_over(saved: Any, config: Any, given: Set[str]) -> None:
    """Set what was ``given`` in ``config`` in the ``saved`` one, with which something goes on."""
    for key in {key.partition(".")[0] for key in given} - {"resume"}:
        setattr(saved, key, getattr(config, key))


def run(command: Command, name: str, description: str, task: Callable[[Any, frozenset[str]], object]) -> None:
    """Compose ``command``'s config from ``sys.argv`` and run ``task(config)``, once or for each job of a sweep.

    Args:
        command: The options.
        name: As in ``python -m agents.<name>``.
        description: Shown by ``--help``.
        task: Gets an instance of ``command.config`` and the keys that were given. A `UsageError` ends the program
            without a traceback. In a sweep, ``command.folder`` is the job's own.
    """
    arguments = sys.argv[1:]
    if {"-h", "--help"} & set(arguments):
        try:
            print(help_text(command, name, description, arguments), flush=True)
        except BrokenPipeError:  # `--help | head` ends quietly: what is left goes nowhere
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    try:
        sys.argv[1:] = prepare(arguments, command)
    except UsageError as error:
        fail(error)

    import hydra
    from hydra.core.config_store import ConfigStore
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode

    register(command, name, ConfigStore.instance(), sys.argv[1:])
    failed: list[str] = []

    def job(node: Any) -> None:
        context = HydraConfig.get()
        sweeps = context.mode == RunMode.MULTIRUN
        try:
            config = _typed(node, command)
            if sweeps:
                setattr(config, command.folder, context.runtime.output_dir)
            task(config, frozenset(text.lstrip("+").partition("=")[0] for text in context.overrides.task))
        except Exception as error:
            line = None if isinstance(error, UsageError) else users_line(error)
            if "HYDRA_FULL_ERROR" in os.environ or not (line or isinstance(error, UsageError)):
                raise
            notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
            told = f"{type(error).__name__}: {error}\n  at {line}{notes}" if line else error
            if not sweeps:
                fail(told, code=1 if line else 2)
            print(f"error: {told}", file=sys.stderr)
            failed.append(context.job.override_dirname)
        except SystemExit as end:
            if not (sweeps and end.code):
                raise
            failed.append(context.job.override_dirname)  # the other jobs of a sweep go on
        except KeyboardInterrupt:
            fail("aborted; the checkpoints are as they were", code=130)

    hydra.main(version_base="1.3", config_path=None, config_name=name)(job)()
    if failed:
        fail(f"{len(failed)} of the jobs failed: {'; '.join(failed)}", code=1)


def compose(command: Command, name: str, arguments: Sequence[str]) -> Any:
    """The config for ``key=value`` arguments, as `run` would hand it to its task; for Python programs.

    Raises:
        UsageError: A name or value is wrong.
    """
    from hydra import compose, initialize
    from hydra.core.config_store import ConfigStore

    prepared = prepare(arguments, command)
    register(command, name, ConfigStore.instance(), prepared)
    overrides = [text for text in prepared if not text.startswith(("hydra", "-"))]
    with initialize(version_base="1.3", config_path=None):
        return _typed(compose(name, overrides), command)


def _typed(node: Any, command: Command) -> Any:
    """A composed node as an instance of ``command.config``, checked."""
    from omegaconf import OmegaConf

    if missing := sorted(OmegaConf.missing_keys(node)):
        raise UsageError("; ".join(_missing(key, node, command) for key in missing))
    composed = OmegaConf.to_object(node)
    config = command.config(**{f.name: getattr(composed, f.name) for f in fields(command.config)})
    validate(config)
    _keep_secrets(config)
    return config


def _keep_secrets(config: Any) -> None:
    """Refuse a key among the options: they are written down.

    Raises:
        UsageError: Not repeating it.
    """
    variable = getattr(getattr(config, "llm", None), "key_variable", None)
    if variable is None:
        return
    from reward_designers.llm.server import SECRET_LENGTH

    if not re.fullmatch(r"[A-Za-z_]\w*", variable):
        raise UsageError("llm.key_variable: expected the name of an environment variable, such as OPENAI_API_KEY")
    key = os.environ.get(variable, "")
    if len(key) >= SECRET_LENGTH and key in str(config):
        raise UsageError(f"the value of ${variable} is among the options, which are written down: leave it out")


def register(command: Command, name: str, store: Any, arguments: Sequence[str]) -> None:
    """Put the config and its groups into Hydra's ``store``, in place of another command's.

    Of each group the default and what ``arguments`` name, since Hydra takes a millisecond for each choice, of which
    ``env`` has hundreds; all of them where a sweep or a user's own files may ask for others.
    """
    for group in [entry for entry in store.repo if entry != "hydra" and not entry.endswith(".yaml")]:
        del store.repo[group]
    defaults = ["_self_", *({group: choice} for group, choice in command.defaults.items())]
    extra = [("defaults", list[Any], field(default_factory=lambda: defaults))]
    store.store(name=name, node=make_dataclass(command.config.__name__, extra, bases=(command.config,)))
    given = [argument.lstrip("+").partition("=") for argument in arguments]
    everything = any(key.startswith("-") for key, _, _ in given)
    for group, choices in command.groups.items():
        named = {command.defaults.get(group), *(value for key, _, value in given if key == group)}
        for choice in choices.keys() if everything else choices.keys() & named:
            store.store(group=group, name=choice, node=choices[choice])


def validate(config: Any, prefix: str = "") -> None:
    """Check numbers against their bounds and free text for content, in ``config`` and the configs in it.

    Raises:
        UsageError: Naming the key, the value and what was expected.
    """
    for name, f in options(config).items():
        value, key = getattr(config, name), prefix + name
        least, most = f.metadata["least"], f.metadata["most"]
        if value is None:
            continue
        if least is not None and not value >= least:
            raise UsageError(f"{key}={value}: expected {least} or more ({f.metadata['help']})")
        if most is not None and not value <= most:
            raise UsageError(f"{key}={value}: expected {most} or less ({f.metadata['help']})")
        if f.metadata["text"]:
            for text in (value or [""]) if isinstance(value, list) and f.default is None else [value]:
                if not str(text).strip():
                    raise UsageError(f"{key} is empty: leave it out, or give a value ({f.metadata['help']})")
    for name in getattr(config, "__dataclass_fields__", ()):
        part = getattr(config, name)
        if is_dataclass(part):
            validate(part, f"{prefix}{name}.")


def _missing(key: str, node: Any, command: Command) -> str:
    head, _, rest = key.partition(".")
    if not rest:
        return f"{key}= is needed: {options(command.config)[key].metadata['help']}"
    choice = node[head].name
    return f"{head}={choice} needs {key}=: {options(command.groups[head][choice])[rest].metadata['help']}"


def settle_libraries() -> None:
    """One thread for each numerical library, no sound for games; call before they are imported. Settings are kept."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    os.environ.setdefault("SDL_AUDIODRIVER", "dummy")
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
