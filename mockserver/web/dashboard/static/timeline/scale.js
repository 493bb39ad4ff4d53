// A stretch of time on a stretch of pixels. Pure. A span is {from, to} in milliseconds of the mock's clock.

const LEAST_MS = 20;
const MOST_MS = 366 * 86_400_000;
const STEPS = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 216e5,
  432e5, 864e5, 1728e5, 6048e5, 2592e6,
];
const APART_PX = 90;

export const x = (span, width, atMs) => ((atMs - span.from) / (span.to - span.from)) * width;

export const at = (span, width, px) => span.from + (px / width) * (span.to - span.from);

/** The span that has all these moments in it, with some air. */
export function fit(moments, leastMs = 2_000) {
  if (!moments.length) return null;
  let from = Infinity;
  let to = -Infinity;
  for (const one of moments) {
    if (one < from) from = one;
    if (one > to) to = one;
  }
  const length = Math.max(leastMs, to - from);
  return { from: from - length * 0.04, to: from + length * 1.06 };
}

/** Zoomed by a factor around a moment; a factor below 1 shows less time. */
export function zoom(span, factor, aroundMs) {
  const length = Math.min(MOST_MS, Math.max(LEAST_MS, (span.to - span.from) * factor));
  const share = (aroundMs - span.from) / (span.to - span.from);
  return { from: aroundMs - share * length, to: aroundMs + (1 - share) * length };
}

export const pan = (span, byMs) => ({ from: span.from + byMs, to: span.to + byMs });

/** The same length, with this moment near its right end. */
export function following(span, nowMs) {
  const length = span.to - span.from;
  return { from: nowMs - length * 0.85, to: nowMs + length * 0.15 };
}

/** Round moments for the axis, APART_PX apart at the least. `offsetMs` is the time zone's, so that days begin at midnight. */
export function ticks(span, width, offsetMs = 0) {
  const least = ((span.to - span.from) / Math.max(1, width)) * APART_PX;
  const step = STEPS.find((one) => one >= least) ?? STEPS.at(-1) * Math.ceil(least / STEPS.at(-1));
  const found = [];
  for (let one = Math.ceil((span.from + offsetMs) / step) * step; one <= span.to + offsetMs; one += step) {
    found.push(one - offsetMs);
  }
  return { step, moments: found };
}
