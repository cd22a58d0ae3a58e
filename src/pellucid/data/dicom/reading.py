"""One DICOM file, read without trusting it. The only file that imports pydicom, which is the extra ``dicom``.

A deflated file of 1 MB can hold 2 GB, so it is inflated within a bound before anything is parsed; pixels are decoded
only after their number is known.
"""

from __future__ import annotations

import io
import math
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.core.errors import BadInput
from pellucid.data.opening import opened

#: A longer file, or one that inflates to more, is refused.
MAX_BYTES = 1 << 29

#: More numbers in one file are refused before they are decoded.
MAX_NUMBERS = 64_000_000

_DEFLATED, _EXPLICIT = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.1"
_AGAIN = "get it again from where it came"


def is_dicom(path: Path) -> bool:
    """Whether a file says of itself that it is DICOM: ``DICM`` behind 128 bytes."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def read_dataset(path: Path) -> Any:
    """The file's data set. Raises BadInput for what is damaged, hostile, or no DICOM."""
    pydicom = _pydicom()
    try:
        with opened(path, MAX_BYTES, "DICOM file") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pydicom tells of values that break the standard and that nobody uses here
            return pydicom.dcmread(io.BytesIO(_inflated(file.read())), force=True)
    except BadInput as error:
        raise error.at(path) from error.__cause__
    except (Exception, RecursionError) as error:  # for damaged files pydicom, struct and zlib raise a dozen kinds
        raise BadInput(f"this is no DICOM file, or it is damaged ({_short(error)})", where=path, cure=_AGAIN) from error


def modality(path: Path) -> str:
    """What kind of file it is, by its own word."""
    return str(value(read_dataset(path), "Modality", path, ""))


def value(dataset: Any, name: str, path: Path, otherwise: Any = None) -> Any:
    """An attribute of a data set; ``otherwise`` where it is missing or empty; damaged, it is an error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = getattr(dataset, name, None)
    except (Exception, RecursionError) as error:  # a value is parsed when it is asked for
        raise BadInput(f"its {name} cannot be read ({_short(error)})", where=path, cure=_AGAIN) from error
    return otherwise if found is None or (hasattr(found, "__len__") and not len(found)) else found


def number(dataset: Any, name: str, path: Path, otherwise: float) -> float:
    """An attribute of one finite number; ``otherwise`` where it is missing or empty."""
    return otherwise if value(dataset, name, path) is None else float(numbers(dataset, name, 1, path)[0])


def numbers(dataset: Any, name: str, count: int, path: Path) -> np.ndarray:
    """An attribute of ``count`` finite numbers, float64; a missing or wrong one is an error."""
    given = value(dataset, name, path)
    try:
        found = np.array(given if isinstance(given, list | tuple) or hasattr(given, "append") else [given], np.float64)
    except (TypeError, ValueError):
        found = np.full(0, np.nan)
    if found.shape != (count,) or not np.isfinite(found).all():
        raise BadInput(f"its {name} is {given!r}, not {count} numbers", where=path, cure=_AGAIN)
    return found


def pixels(dataset: Any, path: Path) -> np.ndarray:
    """The stored values of a single-channel image, as float32 [row, column], rescaled as the file says."""
    rows, columns = (int(numbers(dataset, n, 1, path)[0]) for n in ("Rows", "Columns"))
    frames, samples = (int(number(dataset, n, path, 1)) for n in ("NumberOfFrames", "SamplesPerPixel"))
    if frames != 1 or samples != 1:
        cure = "export it as one file a slice, in greys"
        raise BadInput(f"it has {frames} frames of {samples} channels", where=path, cure=cure)
    if min(rows, columns) < 1 or math.prod((rows, columns)) > MAX_NUMBERS:
        raise BadInput(f"it says to have {rows} × {columns} pixels, and was not decoded", where=path, cure=_AGAIN)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            stored = dataset.pixel_array
    except (Exception, RecursionError) as error:  # as above; and compressions for which pydicom wants a plug-in
        cure = "save it uncompressed, or install the decoder that the message names"
        raise BadInput(f"its pixels cannot be decoded ({_short(error)})", where=path, cure=cure) from error
    slope, shift = (number(dataset, n, path, d) for n, d in (("RescaleSlope", 1), ("RescaleIntercept", 0)))
    scaled = stored.astype(np.float64) * slope + shift
    if scaled.shape != (rows, columns) or not np.isfinite(scaled).all():
        raise BadInput("its pixels are not the numbers that it says to have", where=path, cure=_AGAIN)
    return scaled.astype(np.float32)


def _inflated(data: bytes) -> bytes:
    """The file as if it had not been deflated, within MAX_BYTES."""
    start, syntax = _meta(data)
    if syntax != _DEFLATED:
        return data
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    plain = stream.decompress(data[start:], MAX_BYTES)
    if stream.unconsumed_tail:
        raise BadInput(f"it inflates to more than {MAX_BYTES >> 20} MB, and was not read", cure=_AGAIN)
    return data[:start].replace(_padded(_DEFLATED), _padded(_EXPLICIT).ljust(len(_padded(_DEFLATED)), b"\0")) + plain


def _meta(data: bytes) -> tuple[int, str | None]:
    """Where the data set begins behind the meta information, and its transfer syntax."""
    from pydicom.filereader import read_dataset

    if data[128:132] != b"DICM":
        return 0, None
    # Always explicit and little-endian, whatever follows (PS3.10 7.1).
    meta = read_dataset(io.BytesIO(data[132:]), False, True, stop_when=lambda tag, vr, length: tag.group != 2)
    length = meta.get("FileMetaInformationGroupLength")
    return (144 + int(length) if length is not None else 0), str(meta.get("TransferSyntaxUID", ""))


def _padded(uid: str) -> bytes:
    return uid.encode() + b"\0" * (len(uid) % 2)


def _pydicom() -> Any:
    try:
        import pydicom
    except ImportError as error:
        cure = 'pip install "pellucid[dicom]"'
        raise BadInput("reading DICOM needs pydicom, which is not installed", cure=cure) from error
    return pydicom


def _short(error: BaseException) -> str:
    first = str(error).strip().partition("\n")[0]
    return first[:160] or type(error).__name__
