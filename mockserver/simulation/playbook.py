"""The scenarios in force, and how often each tenant has met each of their rules."""

from collections.abc import Iterator

from mockserver.simulation.chance import fraction
from mockserver.simulation.scenario import Effect, Match, Scenario

Key = tuple[str | None, str]
"""(tenant id, or None for everybody; scenario name)."""


class Playbook:
    """Scenarios by key in the order they came, and the hits of each tenant: tenant -> counter -> hits."""

    def __init__(self) -> None:
        self.scenarios: dict[Key, Scenario] = {}
        self.hits: dict[str, dict[str, int]] = {}

    def of(self, tenant_id: str) -> Iterator[tuple[Scenario, bool]]:
        """(scenario, whether it is the tenant's own) in order of precedence: own first, then everybody's."""
        if not self.scenarios:
            return
        for own in (True, False):
            owner = tenant_id if own else None
            yield from ((scenario, own) for key, scenario in self.scenarios.items() if key[0] == owner)

    def add(self, scenario: Scenario) -> None:
        """Put in force; one of the same key is replaced and counts anew."""
        key = (scenario.tenant, scenario.name)
        self.remove(key)
        self.scenarios[key] = scenario

    def remove(self, key: Key) -> None:
        """Take out of force, with everybody's counters of it."""
        scenario = self.scenarios.pop(key, None)
        if scenario is None:
            return
        owner, name = key
        counters = {Match(name, rule, owner is not None).counter for rule in range(len(scenario.rules))}
        for tenant_id in list(self.hits) if owner is None else [owner]:
            hits = self.hits.get(tenant_id, {})
            for counter in counters & hits.keys():
                del hits[counter]

    def forget(self, tenant_id: str) -> None:
        """Drop a tenant's own scenarios and all it met."""
        self.hits.pop(tenant_id, None)
        self.scenarios = {key: scenario for key, scenario in self.scenarios.items() if key[0] != tenant_id}

    def effect(self, seed: int, tenant_id: str, matches: tuple[Match, ...]) -> tuple[Effect | None, list[str]]:
        """The effect of the first rule in force, and the counters to `count` once it has acted."""
        met: list[str] = []
        for match in matches:
            scenario = self.scenarios.get((tenant_id if match.own else None, match.scenario))
            if scenario is None or match.rule >= len(scenario.rules):
                continue
            rule, counter = scenario.rules[match.rule], match.counter
            hit = self.hits.get(tenant_id, {}).get(counter, 0)
            met.append(counter)
            if rule.acts_on(hit) and (rule.chance >= 1 or fraction(seed, tenant_id, counter, hit) < rule.chance):
                return rule.then, met
        return None, met

    def count(self, tenant_id: str, counters: list[str]) -> None:
        hits = self.hits.setdefault(tenant_id, {}) if counters else {}
        for counter in counters:
            hits[counter] = hits.get(counter, 0) + 1
