"""Is the heatmap true? Methods on networks that learnt made objects, whose parts can be rendered away.

With --full all methods on 50 pictures; without it a first look, which takes a minute.
"""

import sys
from pathlib import Path

import pellucid
from pellucid.prove.synthetic import KNOWN, trained

FULL = "--full" in sys.argv
MAKING = {"count": 900, "epochs": 15} if FULL else {"count": 120, "size": 48, "epochs": 6}
QUICK = ["gradient", "guided_backprop", "integrated_gradients", "lrp", "grad_cam"]
SCORES = ["part_ranks", "mass_within_mask", "pointing_game", "deletion:blur,steps=8", "randomised_weights:rank"]

for name, known in KNOWN.items():
    data, network = trained(name, Path("made"), **MAKING)
    asked = {} if FULL else {"methods": QUICK, "scores": SCORES, "pictures": 10, "repeats": 4}
    view = pellucid.evaluate_explanations(network, data, target=known.target, mask=known.decides, cache=FULL, **asked)
    for told in view.options["words"]:
        print(f"{'! ' if told['level'] == 'warning' else '  '}{told['text']}")
    view.show().savefig(f"is-the-heatmap-true-{name}.png", dpi=110)
