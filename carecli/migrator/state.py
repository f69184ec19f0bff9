"""How a database stands to a plan: what is deployed, pending, edited since, or unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from carecli.errors import InvalidUsage, Refused
from carecli.plan import Change, Plan
from carecli.plan.references import ReferenceIndex
from carecli.registry.store import DeployedChange

__all__ = ["State"]


class State(NamedTuple):
    """The deployed changes of a database beside the plan.

    Arguments:
        plan: the plan.
        deployed: the rows of the registry, in the order of deployment.
    """

    plan: Plan
    deployed: Sequence[DeployedChange]

    @property
    def deployed_ids(self) -> list[str]:
        """The ids of the deployed changes, in the order of deployment."""
        return [row.change_id for row in self.deployed]

    @property
    def position(self) -> int:
        """Index in the plan of the change deployed last; -1 where nothing is deployed.

        Raises:
            Refused: the plan does not have that change, so nobody can tell what comes next.
        """
        if not self.deployed:
            return -1
        last = self.deployed[-1]
        found = self.plan.find(last.change_id)
        if found is None:
            raise Refused(
                f"the change deployed last, {last.change} ({last.change_id}), is not in the plan",
                detail=f"Plan: {self.plan.path}",
                hint="Use the plan that deployed it; an entry edited after its deployment has "
                "another id. `carecli status` lists what is unknown.",
            )
        return found

    @property
    def unknown(self) -> list[DeployedChange]:
        """Deployed changes that the plan does not have."""
        return [row for row in self.deployed if self.plan.find(row.change_id) is None]

    @property
    def pending(self) -> tuple[Change, ...]:
        """Changes of the plan that are not deployed, in plan order."""
        present = set(self.deployed_ids)
        return tuple(change for change in self.plan.changes if change.id not in present)

    @property
    def untagged(self) -> list[Change]:
        """Deployed changes that the plan has given tags which the registry does not have."""
        tags = {row.change_id: set(row.tags) for row in self.deployed}
        return [
            change
            for change in self.plan.changes
            if change.id in tags
            and any(tag.format_name not in tags[change.id] for tag in change.tags)
        ]

    def to_deploy(self, reference: str | None) -> tuple[Change, ...]:
        """Return the changes to deploy, in plan order.

        Arguments:
            reference: the last one wanted; None: all of the plan.

        Raises:
            Refused: a change before the one deployed last is not deployed.
            InvalidUsage: the reference means nothing, or a change already passed.
        """
        position = self.position
        last = len(self.plan) - 1 if reference is None else self.plan.index_of(reference)
        if last < position and reference is not None:
            raise Refused(
                f"{reference} comes before {self.plan.changes[position].name_with_tags}, "
                "which is deployed already",
                hint=f"Use `carecli rollback --to {reference}`.",
            )
        present = set(self.deployed_ids)
        skipped = [
            change.name for change in self.plan.changes[: position + 1] if change.id not in present
        ]
        if skipped:
            raise Refused(
                f"planned before {self.deployed[-1].change}, but not deployed: "
                f"{', '.join(skipped)}",
                hint="Changes are deployed in plan order. Move these to the end of the plan, or "
                "roll back to before them.",
            )
        return self.plan.changes[position + 1 : last + 1]

    def to_revert(self, reference: str | None, count: int | None) -> tuple[Change, ...]:
        """Return the changes to revert, the one deployed last first.

        Arguments:
            reference: the change to go back to, which stays; looked up among the deployed ones.
            count: how many to revert; with neither, all.

        Raises:
            InvalidUsage: the reference means no deployed change.
        """
        changes = [self.change_of(row) for row in self.deployed]
        keep = 0
        if reference is not None:
            index = ReferenceIndex(changes)
            if index.find(reference) is None and self.plan.find(reference) is not None:
                raise InvalidUsage(
                    f"{reference} is not deployed, so nothing can go back to it",
                    hint="`carecli status` lists what is deployed.",
                )
            keep = index.index_of(reference) + 1
        elif count is not None:
            keep = max(0, len(changes) - count)
        return tuple(reversed(changes[keep:]))

    def change_of(self, row: DeployedChange) -> Change:
        """Return the plan's change of a registry row, or one made from the row alone."""
        found = self.plan.find(row.change_id)
        if found is not None:
            return self.plan.changes[found]
        return Change(
            name=row.change,
            id=row.change_id,
            parent_id=None,
            note=row.note,
            planned_at=row.planned_at,
            planner_name=row.planner_name,
            planner_email=row.planner_email,
        )
