"""CT and MR series with their contours: a folder of DICOM files → a volume, an RTSTRUCT → masks on its grid.

Needs pydicom, which is the extra ``dicom``.
"""

from pellucid.data.dicom.contours import Contour, Roi, find_rtstruct, read_contours
from pellucid.data.dicom.masks import RULES, Masks, masks_of
from pellucid.data.dicom.pairs import Pair, pairs_of, samples, windowed
from pellucid.data.dicom.series import Volume, read_series

__all__ = [
    "RULES",
    "Contour",
    "Masks",
    "Pair",
    "Roi",
    "Volume",
    "find_rtstruct",
    "masks_of",
    "pairs_of",
    "read_contours",
    "read_series",
    "samples",
    "windowed",
]
