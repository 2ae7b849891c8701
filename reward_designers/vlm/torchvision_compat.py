"""Imports open_clip, and with it torchvision, also where no torchvision matches a CPU build of torch.

open_clip uses torchvision for image transforms, which need none of its compiled operators. A CUDA-linked wheel beside
a CPU torch cannot load those operators, and its import dies on registering shapes for two of them
(``operator torchvision::nms does not exist``). Declaring the two is enough; calling them still fails, as it should.
"""

from __future__ import annotations

import importlib
import sys

import torch

_MISSING = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_libraries: list[torch.library.Library] = []  # an operator lives as long as the library that declared it


def import_torchvision() -> None:
    """Import torchvision; declare its missing operators only where torch has no CUDA and the plain import failed.

    Raises:
        ImportError: torchvision is not installed, or does not match the installed torch.
    """
    try:
        importlib.import_module("torchvision")
        return
    except RuntimeError as error:
        if torch.version.cuda is not None or "operator torchvision::" not in str(error):
            raise ImportError(
                f"torchvision does not match torch {torch.__version__}: {error}; "
                "install the release of torchvision that belongs to it"
            ) from error
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]  # what the failed import left behind
    library = torch.library.Library("torchvision", "DEF")
    for name in _MISSING:
        library.define(name + _SCHEMA)
    _libraries.append(library)
    importlib.import_module("torchvision")


import_torchvision()
import open_clip  # noqa: E402, F401
