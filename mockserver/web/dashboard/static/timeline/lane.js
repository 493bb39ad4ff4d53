// One task on the time axis.

import { html } from "../vendor/htm-preact.js";
import { bars, marks, placed } from "./marks.js";
import { x } from "./scale.js";

const LEAST_PX = 3;

export function Lane({ task, requests, span, width, nowMs }) {
  if (!width || !span) return null;
  const place = (atMs) => x(span, width, atMs);
  const drawn = bars(task, nowMs).map((one) => ({ ...one, left: place(one.from), right: place(one.to) }));
  const inView = drawn.filter((one) => one.right > -LEAST_PX && one.left < width && one.right > one.left);
  return html`<div class="lane">
    ${links(task, place, width)}
    ${inView.map((one) => {
      const left = Math.max(-10, one.left);
      const style = { left: `${left}px`, width: `${Math.max(LEAST_PX, Math.min(width + 10, one.right) - left)}px` };
      return html`<span class=${`bar bar-${one.kind}`} key=${one.kind} style=${style} title=${one.title}></span>`;
    })}
    ${placed(marks(task, requests), place, width).map(
      (one) =>
        html`<span
          class=${`mark mark-${one.kind}${one.isCrowded ? " is-crowded" : ""}`}
          key=${`${one.kind}${one.px}`}
          style=${{ left: `${one.px}px` }}
          title=${one.title}
          data-request=${one.request}
          >${one.text}</span
        >`,
    )}
    ${beyond(inView, drawn, width)}
  </div>`;
}

/** How long the result links live, from the end of the task on. */
function links(task, place, width) {
  if (task.links_expire_ms === undefined) return null;
  const left = Math.max(0, place(task.ended_ms));
  const right = Math.min(width, place(task.links_expire_ms));
  if (right <= left) return null;
  return html`<span class="links" style=${{ left: `${left}px`, width: `${right - left}px` }}></span>`;
}

/** Where a task lies that is out of view. */
function beyond(inView, drawn, width) {
  if (inView.length) return null;
  const isLeft = drawn.at(-1).right <= 0;
  return html`<span class="beyond" style=${isLeft ? { left: "4px" } : { left: `${width - 16}px` }}
    >${isLeft ? "‹" : "›"}</span
  >`;
}

/** Requests that are about no task: refusals, credits, lists. */
export function OtherLane({ requests, span, width, open }) {
  if (!width || !span) return null;
  const found = requests.map((one) => ({
    kind: one.status >= 400 ? "refused" : "poll",
    at: one.at_ms,
    request: one.sequence,
    title: `${one.method} ${one.path} ${one.status} ${one.message ?? ""}`,
  }));
  const shown = placed(found.reverse(), (atMs) => x(span, width, atMs), width);
  return html`<div class="lane">
    ${shown.map(
      (one) =>
        html`<button
          type="button"
          class=${`mark mark-${one.kind}`}
          key=${one.request}
          style=${{ left: `${one.px}px` }}
          title=${one.title}
          aria-label=${one.title}
          onClick=${() => open(`request:${one.request}`)}
        ></button>`,
    )}
  </div>`;
}
