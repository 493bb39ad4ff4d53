// The mock's clock as it stands between two pulses. Pure: `at` is performance.now() when the clock was told.

/** What the clock shows now; only a real one moves by itself. */
export function nowOf(clock, sinceMs) {
  if (!clock) return 0;
  return clock.mode === "real" ? clock.now_ms + sinceMs * clock.speed : clock.now_ms;
}

export function isRunning(clock) {
  return clock?.mode === "real";
}

/** What moves it, in a word or two. */
export function pace(clock) {
  if (!clock) return "";
  if (clock.mode === "manual") return "paused";
  if (clock.mode === "polls") return `+${clock.poll_step_ms / 1000} s a poll`;
  return clock.speed === 1 ? "running" : `running ×${clock.speed}`;
}

/** How long until something happens by itself; null where nothing will. */
export function untilNext(clock, nowMs) {
  return clock?.next_due_ms === undefined ? null : Math.max(0, clock.next_due_ms - nowMs);
}
