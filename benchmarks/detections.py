"""From a detector's places to boxes, 1 000 pictures: decoding and suppression beside the plain torchvision calls."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import batched_nms

from benchmarks.pairs import compare, write_page
from pellucid.models.grid import GridDetector
from pellucid.tasks.detecting.candidates import LEAST, MOST, SCORE, SUPPRESSED, candidates, suppressed

PICTURES, SIZE, CLASSES, TOGETHER = 1000, (128, 128), 5, 50


def ours(output: Tensor) -> np.ndarray:
    """How many boxes are left of each picture, and their mean score."""
    kept = [suppressed(each) for part in output.split(TOGETHER) for each in candidates(part, SIZE).numpy()]
    return np.array([(len(own), own[:, SCORE].mean() if len(own) else 0.0) for own in kept])


def theirs(output: Tensor) -> np.ndarray:
    """As torchvision's detectors do it, a picture after the other: score, threshold, the best, batched_nms."""
    found = []
    for each in output:
        share, kind = each[:, 5:].softmax(-1).max(-1)
        score = each[:, 4].sigmoid() * share
        there = score >= LEAST
        boxes, score, kind = each[there, :4], score[there], kind[there]
        score, order = score.topk(min(MOST, len(score)))
        keep = batched_nms(boxes[order], score, kind[order], SUPPRESSED)
        found.append((len(keep), float(score[keep].mean()) if len(keep) else 0.0))
    return np.array(found)


def main() -> None:
    """Outputs of a network of random weights, with as many likely places as a trained one has at first."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = GridDetector(3, CLASSES, width=4).eval()
    with torch.inference_mode():
        output = torch.cat([network(torch.rand(TOGETHER, 3, *SIZE)) for _ in range(PICTURES // TOGETHER)]).clone()
        output[..., 4] += 1.5 * torch.randn(output.shape[:2])
        said = f"{PICTURES} pictures of {output.shape[1]} places and {CLASSES} classes; what is compared is how many"
        pair = compare(
            "decoding and suppression, beside `torchvision.ops.batched_nms` a picture",
            lambda: ours(output),
            lambda: theirs(output),
        )
    write_page(
        "DETECTIONS",
        "From places to boxes",
        f"{said} boxes are left of each picture and their mean score.",
        [pair],
        packages=("torch", "torchvision"),
        differ="difference",
    )


if __name__ == "__main__":
    main()
