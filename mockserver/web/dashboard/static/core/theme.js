// Light, dark, or whatever the system has; remembered on this machine.

const KEPT = "evolink-mock-theme";
const ORDER = ["auto", "light", "dark"];

export function theme() {
  const kept = localStorage.getItem(KEPT);
  return ORDER.includes(kept) ? kept : "auto";
}

export function apply() {
  const one = theme();
  if (one === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = one;
}

export function next() {
  const one = ORDER[(ORDER.indexOf(theme()) + 1) % ORDER.length];
  localStorage.setItem(KEPT, one);
  apply();
  return one;
}
