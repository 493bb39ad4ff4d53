// A table of any length: what is not seen is not drawn, and what is not drawn is not asked for.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../vendor/htm-preact.js";
import { useLive } from "../core/hooks.js";
import { anchored, moveTo, visible, windowAround } from "./window.js";

export const ROW_HEIGHT = 34;

/** `rowAt(index)` gives a row, or undefined while it is on its way; `seen(first, count)` hears what is in view. */
export function Grid({
  label,
  columns,
  total,
  rowAt,
  rowKey,
  seen,
  open,
  opened,
  empty,
  head,
  rowHeight = ROW_HEIGHT,
}) {
  const scroller = useRef(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const [active, setActive] = useState(0);
  const before = useRef(total);
  const awaited = useRef(null); // the row that has the focus while it is on its way
  const { first, count } = visible(view.top, view.height, rowHeight, total);

  useLayoutEffect(() => {
    const observer = new ResizeObserver(() => setView((now) => ({ ...now, height: scroller.current.clientHeight })));
    observer.observe(scroller.current);
    return () => observer.disconnect();
  }, []);
  useLayoutEffect(() => {
    const top = anchored(scroller.current.scrollTop, before.current, total, rowHeight);
    before.current = total;
    if (top !== scroller.current.scrollTop) scroller.current.scrollTop = top;
  }, [total]);
  useEffect(() => seen?.(first, count), [first, count, total]);
  useLayoutEffect(() => {
    if (awaited.current === null || !rowAt(awaited.current)) return;
    if (document.activeElement === document.body) element(awaited.current)?.focus({ preventScroll: true });
    awaited.current = null;
  });

  const scrolled = () => setView((now) => ({ ...now, top: scroller.current.scrollTop }));
  const element = (index) => scroller.current?.querySelector(`[data-index="${index}"]`);
  const focus = (index) => {
    setActive(index);
    awaited.current = rowAt(index) ? null : index;
    keepInView(scroller.current, index, rowHeight);
    requestAnimationFrame(() => element(index)?.focus());
  };
  const pressed = (event) => {
    const page = Math.max(1, Math.floor(view.height / rowHeight) - 1);
    const here = Number(event.target.dataset.index ?? active); // rows that came in above have moved it
    const target = moveTo(event.key, here, total, page);
    if (target !== null) {
      event.preventDefault();
      focus(target);
    } else if ((event.key === "Enter" || event.key === " ") && event.target.dataset.index && rowAt(here)) {
      event.preventDefault();
      open?.(rowAt(here));
    }
  };
  const clicked = (event) => {
    const pointed = event.target.closest("[data-index]");
    const row = pointed && rowAt(Number(pointed.dataset.index));
    if (!row || event.target.closest("button, a, input, select")) return;
    setActive(Number(pointed.dataset.index));
    open?.(row);
  };
  const inView = Math.min(Math.max(active, first), first + count - 1);

  return html`<div class="grid" role="grid" aria-label=${label} aria-rowcount=${total + 1}>
    <div class="grid-head" role="row">${head ?? columns.map((one) => headCell(one))}</div>
    <div class="grid-scroll" ref=${scroller} onScroll=${scrolled} onKeyDown=${pressed} onClick=${clicked}>
      ${total === 0 && html`<div class="empty" role="row"><div role="gridcell">${empty ?? "Nothing here yet."}</div></div>`}
      <div class="grid-space" role="rowgroup" style=${{ height: `${total * rowHeight}px` }}>
        ${Array.from({ length: count }, (_, offset) => {
          const index = first + offset;
          const row = rowAt(index);
          const top = { top: `${index * rowHeight}px`, height: `${rowHeight}px` };
          const key = row ? rowKey(row) : `waiting-${index}`;
          const isOpen = row && opened === rowKey(row);
          return html`<div
            class=${`grid-row${isOpen ? " is-open" : ""}`}
            role="row"
            key=${key}
            data-index=${index}
            aria-rowindex=${index + 2}
            aria-selected=${isOpen ? "true" : "false"}
            style=${top}
            tabindex=${index === inView ? 0 : -1}
          >
            ${columns.map((one) => cell(one, row))}
          </div>`;
        })}
      </div>
    </div>
  </div>`;
}

function headCell({ name, title, width, grow, shrink, align, narrow }) {
  return html`<div
    class=${`cell ${align ?? ""} ${narrow ?? ""}`}
    role="columnheader"
    key=${name}
    style=${flex(grow, width, shrink)}
  >
    ${title}
  </div>`;
}

function cell({ name, width, grow, shrink, align, narrow, cell: content }, row) {
  return html`<div
    class=${`cell ${align ?? ""} ${narrow ?? ""}`}
    role="gridcell"
    key=${name}
    style=${flex(grow, width, shrink)}
  >
    ${row ? content(row) : html`<span class="waiting" aria-hidden="true"></span>`}
  </div>`;
}

const flex = (grow, width, shrink = 1) => ({ flex: grow ? `${grow} ${shrink} ${width}` : `0 0 ${width}` });

function keepInView(scroller, index, rowHeight) {
  const top = index * rowHeight;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  const bottom = top + rowHeight - scroller.clientHeight;
  if (bottom > scroller.scrollTop) scroller.scrollTop = bottom;
}

/**
 * The same over a list that the server pages: `load(offset, limit, signal)` gives {total, rows}. Other `deps` are
 * another list, which begins at its top, unless `resetKey` says that it is the same.
 */
export function PagedGrid({ load, deps, topics, onRows, resetKey, ...rest }) {
  const [part, setPart] = useState(windowAround(0, 60));
  const { data, error } = useLive(
    async (signal) => ({ ...(await load(part.offset, part.limit, signal)), offset: part.offset }),
    [...deps, part.offset, part.limit],
    topics,
  );
  const total = data?.total ?? 0;
  const rowAt = (index) => data?.rows[index - data.offset];
  const seen = (first, count) => {
    setPart((now) => windowAround(first, count, now));
    onRows?.(Array.from({ length: count }, (_, offset) => rowAt(first + offset)).filter(Boolean), total);
  };
  const shown = useRef(seen);
  shown.current = seen;
  const view = useRef([0, 0]);
  useEffect(() => onRows && shown.current(...view.current), [data]);
  const remember = (first, count) => {
    view.current = [first, count];
    seen(first, count);
  };
  if (error && !data) return html`<p class="empty bad" role="alert">${error.message}</p>`;
  if (!data) return html`<p class="empty" role="status">Loading…</p>`;
  return html`<${Grid} ...${rest} total=${total} rowAt=${rowAt} seen=${remember} key=${resetKey ?? deps.join("|")} />`;
}
