// Which rows of a long list are in view, and which are asked for. Pure.

const MARGIN = 4;
const STEP = 50;
const LIMIT = 1_000;

/** The rows to draw: those in view and a few around them. */
export function visible(top, height, rowHeight, total) {
  const first = Math.max(0, Math.min(Math.floor(top / rowHeight) - MARGIN, total - 1));
  const last = Math.min(total, Math.ceil((top + height) / rowHeight) + MARGIN);
  return { first, count: Math.max(0, last - first) };
}

/** The part of the list to have: in whole steps, so that little moves ask for nothing; `now` where that is enough. */
export function windowAround(first, count, now) {
  const enough = now && now.offset <= first && first + count <= now.offset + now.limit;
  if (enough) return now;
  const offset = Math.max(0, Math.floor(first / STEP) * STEP - STEP);
  return { offset, limit: Math.min(LIMIT, Math.ceil((first + count - offset) / STEP) * STEP + STEP) };
}

/** Where to scroll when rows came in at the top: what is looked at stays where it is, unless that is the top. */
export function anchored(top, before, total, rowHeight) {
  return top < rowHeight / 2 || total <= before ? top : top + (total - before) * rowHeight;
}

/** The row that a key leads to; null for a key that leads nowhere. */
export function moveTo(key, active, total, page) {
  const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -total, End: total };
  if (!(key in steps) || total === 0) return null;
  return Math.min(total - 1, Math.max(0, active + steps[key]));
}
