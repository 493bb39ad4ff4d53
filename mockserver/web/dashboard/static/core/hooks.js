// How components hear of what changes.

import { useEffect, useLayoutEffect, useRef, useState } from "../vendor/htm-preact.js";
import { isRunning, nowOf } from "./clock.js";
import { state, subscribe } from "./store.js";

/** A part of the common state; the component is drawn again only when that part is another. */
export function useShared(select) {
  const [value, setValue] = useState(() => select(state));
  const latest = useRef(select);
  latest.current = select;
  useEffect(() => {
    const hear = () => setValue(() => latest.current(state));
    hear();
    return subscribe(hear);
  }, []);
  return select(state) === value ? value : select(state);
}

const PAUSE_MS = 400;

/**
 * What `load(signal)` gives: asked for at once, again when `deps` change, and again when one of `topics` moved; then
 * at most every PAUSE_MS, and one at a time.
 */
export function useLive(load, deps, topics) {
  const [found, setFound] = useState({ data: null, error: null });
  const moved = useShared((shared) => topics.map((topic) => shared.revisions[topic] ?? 0).join());
  const job = useRef(null);
  useEffect(() => {
    const mine = { leaving: new AbortController(), busy: false, dirty: false, moved };
    mine.run = () => refresh(mine, load, setFound);
    job.current = mine;
    mine.run();
    return () => mine.leaving.abort();
  }, deps);
  useEffect(() => {
    if (job.current.moved !== moved) job.current.run();
    job.current.moved = moved;
  }, [moved]);
  return { ...found, again: () => job.current?.run() };
}

async function refresh(mine, load, setFound) {
  mine.dirty = true;
  if (mine.busy) return;
  mine.busy = true;
  while (mine.dirty && !mine.leaving.signal.aborted) {
    mine.dirty = false;
    try {
      const data = await load(mine.leaving.signal);
      if (!mine.leaving.signal.aborted) setFound({ data, error: null });
    } catch (error) {
      if (!mine.leaving.signal.aborted) setFound((before) => ({ ...before, error }));
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  mine.busy = false;
}

/** What the clock shows, again and again while it runs. */
export function useNow(everyMs = 100) {
  const clock = useShared((shared) => shared.clock);
  const [, draw] = useState(0);
  const running = isRunning(clock);
  useEffect(() => {
    if (!running) return undefined;
    const slow = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const timer = setInterval(() => document.hidden || draw((count) => count + 1), slow ? 1_000 : everyMs);
    return () => clearInterval(timer);
  }, [running, everyMs]);
  return clock ? nowOf(clock, performance.now() - state.clockAt) : 0;
}

/** [ref, {width, height}] of an element, true to its size. */
export function useSize() {
  const ref = useRef(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      setSize((before) => (before.width === width && before.height === height ? before : { width, height }));
    });
    observer.observe(ref.current);
    return () => observer.disconnect();
  }, []);
  return [ref, size];
}

/** A text as it stands once its writer has paused. */
export function useSettled(text, afterMs = 200) {
  const [settled, setSettled] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), afterMs);
    return () => clearTimeout(timer);
  }, [text]);
  return settled;
}
