"""The scenarios in force for one key, and how often each of their rules was met."""

from collections.abc import Iterator

from mockserver.simulation.chance import fraction
from mockserver.simulation.scenario import Effect, Match, Scenario

Key = tuple[bool, str]
"""(whether it is the key's own, scenario name)."""


class Playbook:
    """Scenarios in the order they came, and hits by counter."""

    def __init__(self, seed: int, world: str) -> None:
        self._seed, self._world = seed, world
        self.scenarios: dict[Key, Scenario] = {}
        self.hits: dict[str, int] = {}

    def in_force(self) -> Iterator[Scenario]:
        """In order of precedence: the key's own first, then the server's."""
        for own in (True, False) if self.scenarios else ():
            yield from (scenario for key, scenario in self.scenarios.items() if key[0] is own)

    def add(self, scenario: Scenario) -> None:
        """Put in force; one of the same key is replaced and counts anew."""
        self.remove(scenario.key)
        self.scenarios[scenario.key] = scenario

    def remove(self, key: Key) -> None:
        """Take out of force, with its counters."""
        scenario = self.scenarios.pop(key, None)
        for rule in range(len(scenario.rules)) if scenario else ():
            self.hits.pop(Match(key[1], rule, key[0]).counter, None)

    def effect(self, matches: tuple[Match, ...]) -> tuple[Effect | None, list[str]]:
        """The effect of the first rule in force, and the counters to `count` once it has acted."""
        met: list[str] = []
        for match in matches:
            scenario = self.scenarios.get((match.own, match.scenario))
            if scenario is None or match.rule >= len(scenario.rules):
                continue
            rule, counter = scenario.rules[match.rule], match.counter
            hit = self.hits.get(counter, 0)
            met.append(counter)
            if rule.acts_on(hit) and (rule.chance >= 1 or self._drawn(counter, hit) < rule.chance):
                return rule.then, met
        return None, met

    def count(self, counters: list[str]) -> None:
        for counter in counters:
            self.hits[counter] = self.hits.get(counter, 0) + 1

    def _drawn(self, counter: str, hit: int) -> float:
        return fraction(self._seed, self._world, counter, hit)
