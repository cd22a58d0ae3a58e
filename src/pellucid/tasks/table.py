"""The registry of tasks: what a network can be asked to answer.

A task is one pure function ``(vocabulary, *, options) -> Task``. Its keyword-only parameters are its options: flags on
the command line, entries of a run's config.
"""

from __future__ import annotations

from dataclasses import dataclass

from pellucid.core.registry import Registry


@dataclass(frozen=True)
class TaskFacts:
    """question: what a person asks, in one sentence. source: the paper. labels: which columns it takes, in words."""

    question: str
    source: str
    labels: str


tasks: Registry[TaskFacts] = Registry("task", facts=TaskFacts, folder="pellucid.tasks", group="pellucid.tasks")
