"""What a plan has named so far, tag by tag: names are unique and requirements come first."""

from __future__ import annotations

from carecli.plan.faults import Place, PlanError
from carecli.plan.lines import ChangeLine, Specification, TagLine

__all__ = ["Sections"]


class Sections:
    """Checks each change and tag of a plan against those before it, as sqitch does.

    A section is what stands between two tags. Within it a name may occur once, so that
    a change can be reworked after a tag; its requirements are checked when it ends.

    Arguments:
        project: name of the plan's project.
    """

    def __init__(self, project: str) -> None:
        self._project = project
        self._seen: dict[str, int] = {}
        self._section: dict[str, int] = {}
        self._changes: list[tuple[ChangeLine, Place]] = []
        self._is_empty = True

    def add(self, line: ChangeLine | TagLine, place: Place) -> None:
        """Take the next change or tag.

        Raises:
            PlanError: its name is taken, or a requirement of its section is not met.
        """
        if isinstance(line, TagLine):
            self._add_tag(line, place)
        else:
            self._add_change(line, place)

    def close(self) -> None:
        """Check the requirements of the last section.

        Raises:
            PlanError: one is not met.
        """
        faults = self._unmet_requirements()
        if not faults:
            return
        first = faults[0]
        if len(faults) > 1:
            rest = "\n".join(f"also {fault.message}" for fault in faults[1:])
            first.detail = f"{first.detail}\n{rest}"
        raise first

    def _add_change(self, line: ChangeLine, place: Place) -> None:
        self._is_empty = False
        at = self._section.get(line.name)
        if at is not None:
            raise place.error(
                f'change "{line.name}" duplicates the one on line {at}',
                column=_column(line.name, place),
                hint="put a tag between the two to rework a change, or choose another name",
            )
        self._section[line.name] = line.number
        self._changes.append((line, place))

    def _add_tag(self, line: TagLine, place: Place) -> None:
        if self._is_empty:
            raise place.error(
                f'tag "@{line.name}" has no change before it',
                column=_column(line.name, place),
                hint="move it below the change that it is for",
            )
        key = f"@{line.name}"
        if key in self._seen:
            raise place.error(
                f'tag "{key}" duplicates the one on line {self._seen[key]}',
                column=_column(line.name, place),
                hint="choose another name",
            )
        self.close()
        self._seen |= self._section
        self._seen[key] = line.number
        self._section = {}
        self._changes = []

    def _unmet_requirements(self) -> list[PlanError]:
        before: set[str] = set()
        unmet: list[tuple[ChangeLine, Place, Specification]] = []
        for line, place in self._changes:
            unmet += [
                (line, place, required)
                for required in line.requires
                if not self._is_met(required, before)
            ]
            before.add(line.name)
        return [self._fault(*found) for found in unmet]

    def _is_met(self, required: Specification, before: set[str]) -> bool:
        if required.project is None and required.id is not None:
            # It may be in any project: only the registry can tell.
            return True
        if required.project not in (None, self._project):
            return True
        if required.change is None or required.tag is None:
            return required.key in self._seen or required.key in before
        tagged = self._seen.get(f"@{required.tag}", 0)
        return self._seen.get(required.change, tagged) < tagged

    def _fault(self, line: ChangeLine, place: Place, required: Specification) -> PlanError:
        names = [change.name for change, _ in self._changes]
        if required.key == line.name:
            return place.error(
                f'change "{line.name}" cannot require itself',
                column=required.column,
                hint="remove it from the brackets; to rework a change, tag the old one first",
            )
        if required.key in names:
            cycle = self._cycle(line.name, required.key)
            if cycle:
                return place.error(
                    f'change "{line.name}" requires itself by way of others',
                    column=required.column,
                    hint=f"remove a requirement from the circle {' -> '.join(cycle)}",
                )
            moves = names.index(required.key) - names.index(line.name)
            changes, lines = ("change", "line") if moves == 1 else ("changes", "lines")
            return place.error(
                f'change "{line.name}" is planned {moves} {changes} before '
                f'"{required.key}", which it requires',
                column=required.column,
                hint=f'move "{line.name}" down {moves} {lines} in {place.path}',
            )
        return place.error(
            f'unknown change "{required.key}" required by change "{line.name}"',
            column=required.column,
            hint=self._near(required),
        )

    def _cycle(self, start: str, through: str) -> list[str]:
        """Return the names on a way from a change by way of another back to it, if there is one."""
        requires = {
            line.name: [required.key for required in line.requires] for line, _ in self._changes
        }
        ways, seen = [[start, through]], {through}
        for way in ways:
            for name in requires.get(way[-1], []):
                if name == start:
                    return [*way, start]
                if name not in seen:
                    seen.add(name)
                    ways.append([*way, name])
        return []

    def _near(self, required: Specification) -> str:
        from difflib import get_close_matches

        if required.change in self._seen and f"@{required.tag}" in self._seen:
            return (
                f"for sqitch this is the last {required.change} before this section, on line "
                f"{self._seen[required.change]}, which comes after @{required.tag}: "
                f"require @{required.tag} instead"
            )
        known = [*self._seen, *self._section]
        near = get_close_matches(required.key, known, n=3, cutoff=0.5)
        if near:
            return f"did you mean {' or '.join(near)}?"
        return "name a change above this line, or project:change for one of another project"


def _column(name: str, place: Place) -> int:
    return place.source.index(name) + 1
