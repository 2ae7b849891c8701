"""What every test may count on: one thread, a seed, and a home of its own."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

# Before numpy and torch are imported: two threads a worker on two cores make everything slower, and results differ.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "LP_NUM_THREADS"):
    os.environ[variable] = "1"
# No test may reach for a hub; what a test needs is shipped or made by the test.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["WANDB_MODE"] = "disabled"
# Shells start background jobs deaf to Ctrl-C, and their children inherit that: programs are interrupted by some tests.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import numpy as np  # noqa: E402
import pytest  # noqa: E402

SIGNALS = (signal.SIGINT, signal.SIGPIPE)


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home directory for this worker, so that no test reads or leaves a cache in the user's own."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.setenv("MPLCONFIGDIR", str(folder / "matplotlib"))
        for variable in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "HF_HOME", "TORCH_HOME"):
            patch.delenv(variable, raising=False)
        yield folder


@pytest.fixture(autouse=True)
def one_torch_thread() -> None:
    """Undo what a test that trains may have set."""
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(autouse=True)
def same_signals() -> Iterator[None]:
    """Fail a test that leaves a signal handled otherwise: a broken pipe, say, would then kill the worker much later."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield
    assert {number: signal.getsignal(number) for number in SIGNALS} == before


@pytest.fixture
def rng() -> np.random.Generator:
    """A seeded generator: a failure repeats."""
    return np.random.default_rng(0)
