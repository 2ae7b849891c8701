"""The import fix: needed beside CPU torch, absent where torchvision works or truly does not match."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from reward_designers.vlm import torchvision_compat
from reward_designers.vlm.torchvision_compat import import_torchvision

FAILURE = RuntimeError("operator torchvision::nms does not exist")


def test_open_clip_loads_in_a_fresh_process():
    code = "import reward_designers.vlm.models, torchvision, open_clip; print(torchvision.transforms.Resize.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "Resize\n"


def test_a_second_import_declares_nothing(monkeypatch):
    import_torchvision()
    monkeypatch.setattr(torch.library, "Library", None)  # any use would fail
    import_torchvision()


@pytest.mark.parametrize(
    ("cuda", "error"), [("13.0", FAILURE), (None, RuntimeError("torchvision was built for another torch"))]
)
def test_other_failures_are_reported_not_patched(monkeypatch, cuda, error):
    def fail(name):
        raise error

    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torchvision_compat.importlib, "import_module", fail)
    monkeypatch.setattr(torch.library, "Library", None)
    with pytest.raises(ImportError, match=r"does not match torch .*install the release of torchvision") as caught:
        import_torchvision()
    assert caught.value.__cause__ is error
