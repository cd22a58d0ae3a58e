"""The sizes of activations and gradients, layer by layer, over the steps of a training: bounded in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

#: How many steps are remembered; beyond them every second one is dropped, and so on.
MOST_STEPS = 512


@dataclass
class Row:
    """One step. activation, gradient: the mean square of each layer's output and of its gradient, by its name, in the
    last forward and the last backward pass of the step.

    gradient_norm: of all parameters' gradients together, summed over the step's backward passes, before any clipping;
    None where there were none.
    """

    step: int
    activation: dict[str, float] = field(default_factory=dict)
    gradient: dict[str, float] = field(default_factory=dict)
    gradient_norm: float | None = None


class History:
    """Rows at evenly spaced steps, the last one always among them."""

    def __init__(self) -> None:
        self.every = 1
        self.last: Row | None = None
        self._rows: list[Row] = []

    def add(self, row: Row) -> None:
        """A step has ended."""
        self.last = row
        if (row.step - 1) % self.every:
            return
        self._rows.append(row)
        if len(self._rows) > MOST_STEPS:
            self.every *= 2
            self._rows = [r for r in self._rows if (r.step - 1) % self.every == 0]

    @property
    def rows(self) -> list[Row]:
        """What is remembered, in order."""
        late = [self.last] if self.last and (not self._rows or self._rows[-1] is not self.last) else []
        return self._rows + late

    @property
    def layers(self) -> list[str]:
        """Every layer that was seen, in the order of execution."""
        return list(dict.fromkeys(name for row in self.rows for name in row.activation))
