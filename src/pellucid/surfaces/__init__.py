"""Floor 1: functions and surfaces from radial basis functions. Knows points only."""

from pellucid.surfaces.implicit import Implicit, fit_surface
from pellucid.surfaces.normals import estimate_normals
from pellucid.surfaces.rbf import RBFNetwork, fit_rbf
from pellucid.surfaces.reconstruct import Surface, reconstruct

__all__ = ["Implicit", "RBFNetwork", "Surface", "estimate_normals", "fit_rbf", "fit_surface", "reconstruct"]
