// The time axis: the world's own time, in round steps.

import { html, useEffect } from "../vendor/htm-preact.js";
import { day, exact, timeOfDay } from "../core/format.js";
import { useSize } from "../core/hooks.js";
import { ticks, x } from "./scale.js";

export function Axis({ span, width, onWidth }) {
  const [ref, size] = useSize();
  useEffect(() => onWidth(size.width), [size.width]);
  const shown = span && width ? ticks(span, width, zoneOffset(span.from)) : { moments: [] };
  return html`<div class="axis" ref=${ref}>
    ${shown.moments.map(
      (one) =>
        html`<span key=${one} class="tick" title=${exact(one)} style=${{ left: `${x(span, width, one)}px` }}
          >${label(one, shown.step)}</span
        >`,
    )}
  </div>`;
}

/** Lines at the ticks and at now, through all rows. */
export function Lines({ span, width, nowMs }) {
  if (!span || !width) return null;
  const now = x(span, width, nowMs);
  return html`<div class="lines" aria-hidden="true">
    ${ticks(span, width, zoneOffset(span.from)).moments.map((one) => html`<span class="rule" key=${one} style=${{ left: `${x(span, width, one)}px` }}></span>`)}
    ${now >= 0 && now <= width && html`<span class="now" style=${{ left: `${now}px` }}></span>`}
  </div>`;
}

const zoneOffset = (atMs) => -new Date(atMs).getTimezoneOffset() * 60_000;

function label(atMs, step) {
  if (step >= 86_400_000) return day(atMs);
  return step < 1_000 ? timeOfDay(atMs, { millis: true }) : timeOfDay(atMs);
}
