// Tasks as bars on one time axis, newest first; what happened to each, in the order of its own clock.

import { html, useCallback, useMemo, useRef, useState } from "../vendor/htm-preact.js";
import { grouped } from "../core/group.js";
import { tail } from "../core/format.js";
import { Key, State } from "../parts/basic.js";
import { PagedGrid } from "../parts/grid.js";
import { Axis, Lines } from "./axis.js";
import { Lane, OtherLane } from "./lane.js";
import { moments, refusals } from "./marks.js";
import { at, fit, following, pan, zoom } from "./scale.js";

const LEGEND = { waiting: "waiting", working: "working", completed: "completed", failed: "failed" };
const MARKS = {
  poll: "poll",
  delivered: "callback arrived",
  undelivered: "callback failed",
  next: "next attempt",
  expiry: "links expire",
};

/** `load`, `deps`, `topics` as PagedGrid has them; `requests` are summaries of the journal. */
export function Timeline({ load, deps, resetKey, topics, requests, nowMs, isLive, title, open, opened, withKeys, empty }) {
  const [rows, setRows] = useState([]);
  const [width, setWidth] = useState(0);
  const [mode, setMode] = useState("fit");
  const [kept, setKept] = useState(null);
  const drag = useRef(null);
  const { byTask, others } = useMemo(() => grouped(requests), [requests]);
  const onRows = useCallback((found) => setRows((before) => (same(before, found) ? before : found)), []);
  const whole = useMemo(() => fit([...rows.flatMap(moments), ...refusals(others, rows)]), [rows, others]);
  const span = mode === "fit" ? whole : mode === "follow" && kept ? following(kept, nowMs) : (kept ?? whole);

  const look = (next) => {
    setMode("free");
    setKept(next);
  };
  const zoomBy = (factor, aroundMs) => span && look(zoom(span, factor, aroundMs ?? (span.from + span.to) / 2));
  const panBy = (share) => span && look(pan(span, (span.to - span.from) * share));
  const follow = () => {
    setKept(span ?? { from: nowMs - 20_000, to: nowMs + 4_000 });
    setMode("follow");
  };
  const keys = {
    "+": () => zoomBy(0.6),
    "=": () => zoomBy(0.6),
    "-": () => zoomBy(1.6),
    ArrowLeft: () => panBy(-0.2),
    ArrowRight: () => panBy(0.2),
    0: () => setMode("fit"),
    f: follow,
  };
  const pressed = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  };
  const wheeled = (event) => {
    const lane = event.target.closest(".lane, .axis");
    if (!lane || !span) return;
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      zoomBy(Math.exp(event.deltaY * 0.002), at(span, width, event.clientX - lane.getBoundingClientRect().left));
    } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      look(pan(span, ((event.deltaX || event.deltaY) / width) * (span.to - span.from)));
    }
  };
  const grabbed = (event) => {
    if (event.button === 0 && event.target.closest(".lane, .axis") && span)
      drag.current = { px: event.clientX, span, moved: false };
  };
  const dragged = (event) => {
    const from = drag.current;
    if (!from || !event.buttons) return;
    from.moved ||= Math.abs(event.clientX - from.px) > 4;
    if (from.moved) look(pan(from.span, ((from.px - event.clientX) / width) * (from.span.to - from.span.from)));
  };
  const clicked = (event) => {
    const wasDrag = drag.current?.moved;
    drag.current = null;
    const request = event.target.closest?.("[data-request]")?.dataset.request;
    if (!wasDrag && !request) return;
    event.stopPropagation();
    if (!wasDrag) open(`request:${request}`);
  };

  const columns = [
    { name: "task", title: "Task", width: "var(--label)", cell: (task) => label(task, withKeys) },
    {
      name: "life",
      title: "Life",
      width: "0px",
      grow: 1,
      cell: (task) =>
        html`<${Lane} task=${task} requests=${byTask.get(task.id) ?? []} span=${span} width=${width} nowMs=${nowMs} />`,
    },
  ];
  const head = html`<div class="cell" role="columnheader" style=${{ flex: "0 0 var(--label)" }}>Task</div>
    <div class="cell lane-cell" role="columnheader" aria-label="Time" style=${{ flex: "1 1 0" }}>
      <${Axis} span=${span} width=${width} onWidth=${setWidth} />
    </div>`;

  return html`<div
    class="timeline"
    onKeyDown=${pressed}
    onWheel=${wheeled}
    onPointerDown=${grabbed}
    onPointerMove=${dragged}
    onClickCapture=${clicked}
  >
    <div class="timeline-tools">
      ${title && html`<h1>${title}</h1>`}
      <${Legend} />
      <div class="group" role="group" aria-label="What the axis shows">
        <button type="button" aria-label="Less time" title="Zoom in (+)" onClick=${() => zoomBy(0.6)}>+</button>
        <button type="button" aria-label="More time" title="Zoom out (−)" onClick=${() => zoomBy(1.6)}>−</button>
        <button
          type="button"
          aria-pressed=${mode === "fit"}
          title="All that is in view (0)"
          onClick=${() => setMode("fit")}
        >
          Fit
        </button>
        ${isLive && html`<button type="button" aria-pressed=${mode === "follow"} title="Keep now in view (f)" onClick=${follow}>Follow</button>`}
      </div>
    </div>
    ${
      others.length > 0 &&
      html`<div class="others">
        <div class="others-label" title="Refusals, and requests that are about no task">Other requests</div>
        <${OtherLane} requests=${others} span=${span} width=${width} open=${open} />
      </div>`
    }
    <div class="timeline-body">
      <${Lines} span=${span} width=${width} nowMs=${nowMs} />
      <${PagedGrid}
        label="Timeline of tasks"
        load=${load}
        deps=${deps} resetKey=${resetKey}
        topics=${topics}
        onRows=${onRows}
        columns=${columns}
        head=${head}
        rowKey=${(task) => task.id}
        open=${(task) => open(`task:${task.id}`)}
        opened=${opened?.replace("task:", "")}
        empty=${empty}
      />
    </div>
  </div>`;
}

function label(task, withKeys) {
  return html`<span class="task-label"
    ><span class=${`dot dot-${task.state}`}></span><span class="id">${tail(task.id)}</span>
    ${withKeys ? html`<${Key} tenant=${task.tenant} />` : html`<span class="quiet model" title=${task.model}>${task.model}</span>`}
    <span class="sr"><${State} state=${task.state} /></span
  ></span>`;
}

function Legend() {
  return html`<ul class="legend" aria-label="Legend">
    ${Object.entries(LEGEND).map(([kind, text]) => html`<li key=${kind}><span class=${`bar bar-${kind}`}></span>${text}</li>`)}
    ${Object.entries(MARKS).map(([kind, text]) => html`<li key=${kind}><span class=${`mark mark-${kind}`}></span>${text}</li>`)}
  </ul>`;
}

function same(before, found) {
  return before.length === found.length && before.every((one, index) => one === found[index]);
}
