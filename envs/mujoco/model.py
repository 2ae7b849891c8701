"""Where things are in a MuJoCo model's arrays, looked up by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from reward_designers.errors import unknown_name


class Names(dict[str, int]):
    """Name to index; a wrong name is answered with the nearest ones."""

    def __init__(self, kind: str, indices: Mapping[str, int]):
        super().__init__(indices)
        self.kind = kind

    def __missing__(self, name: str) -> int:
        raise KeyError(unknown_name(self.kind, name, self))


@dataclass(frozen=True)
class _Tables:
    qpos: Names
    dof: Names
    body: Names
    geom: Names
    geom_body: Names
    site: Names
    body_mass: np.ndarray
    geom_size: np.ndarray


@dataclass(frozen=True)
class Model:
    """A model that ships with Gymnasium; it is read when the first index is asked for.

    Attributes:
        xml: File name among Gymnasium's assets, such as ``humanoid.xml``.
    """

    xml: str

    @property
    def qpos(self) -> Names:
        """Joint to the address of its (first) coordinate in ``qpos``."""
        return self._tables.qpos

    @property
    def dof(self) -> Names:
        """Joint to the address of its (first) velocity in ``qvel``."""
        return self._tables.dof

    @property
    def body(self) -> Names:
        """Body to its row in ``xpos``, ``xmat``, ``xipos``, ``cfrc_ext``, ..."""
        return self._tables.body

    @property
    def geom(self) -> Names:
        """Geom to its row in ``geom_xpos``."""
        return self._tables.geom

    @property
    def geom_body(self) -> Names:
        """Geom to the row of the body that it belongs to; some bodies have no name of their own."""
        return self._tables.geom_body

    @property
    def site(self) -> Names:
        """Site to its row in ``site_xpos``."""
        return self._tables.site

    @property
    def body_mass(self) -> np.ndarray:
        """``(nbody,)``, kg."""
        return self._tables.body_mass

    @property
    def geom_size(self) -> np.ndarray:
        """``(ngeom, 3)``, m; the first entry of a sphere or capsule is its radius."""
        return self._tables.geom_size

    @cached_property
    def _tables(self) -> _Tables:
        import gymnasium
        import mujoco

        path = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets" / self.xml
        m = mujoco.MjModel.from_xml_path(str(path))
        joints = [m.joint(i) for i in range(m.njnt)]
        return _Tables(
            qpos=Names(f"joint of {self.xml}", {joint.name: int(joint.qposadr[0]) for joint in joints}),
            dof=Names(f"joint of {self.xml}", {joint.name: int(joint.dofadr[0]) for joint in joints}),
            body=Names(f"body of {self.xml}", {m.body(i).name: i for i in range(m.nbody)}),
            geom=Names(f"geom of {self.xml}", {m.geom(i).name: i for i in range(m.ngeom)}),
            geom_body=Names(f"geom of {self.xml}", {m.geom(i).name: int(m.geom_bodyid[i]) for i in range(m.ngeom)}),
            site=Names(f"site of {self.xml}", {m.site(i).name: i for i in range(m.nsite)}),
            body_mass=m.body_mass.copy(),
            geom_size=m.geom_size.copy(),
        )
