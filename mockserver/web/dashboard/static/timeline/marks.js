// What of a task is drawn: bars and marks with their moments. Pure; the drawing gives them places.

import { credits, duration, exact } from "../core/format.js";
import { outcome } from "../core/why.js";

/** Bars of a task: {kind, from, to}, `to` at most now where it is not over. */
export function bars(task, nowMs) {
  const end = task.ended_ms ?? Math.max(nowMs, task.submitted_ms);
  const started = Math.min(task.starts_ms, end);
  const found = [
    {
      kind: "waiting",
      from: task.submitted_ms,
      to: started,
      title: `Waiting ${duration(started - task.submitted_ms)}`,
    },
  ];
  if (end > task.starts_ms) {
    const kind = task.ended_ms === undefined ? "working" : task.state;
    found.push({ kind, from: task.starts_ms, to: end, title: `${kind} after ${duration(end - task.submitted_ms)}` });
  } else if (task.ended_ms !== undefined) {
    found[0].kind = task.state;
  }
  if (task.ended_ms === undefined)
    found.push({ kind: "ahead", from: end, to: Math.max(end, task.ends_ms), title: `Ends ${exact(task.ends_ms)}` });
  return found;
}

/** Marks of a task: {kind, at, title, request?}. */
export function marks(task, requests) {
  const found = [{ kind: "reserved", at: task.submitted_ms, title: `${credits(task.reserved_uc)} credits reserved` }];
  if (task.ended_ms !== undefined) {
    const kind = task.state === "completed" ? "charged" : "released";
    found.push({ kind, at: task.ended_ms, title: `${credits(task.reserved_uc)} credits ${kind}` });
  }
  for (const one of requests) {
    if (one.method === "POST" && one.status < 300) continue;
    const kind = one.status >= 400 ? "refused" : one.path.startsWith("/media/") ? "fetch" : "poll";
    found.push({ kind, at: one.at_ms, title: `${one.method} ${one.status}`, request: one.sequence });
  }
  for (const delivery of task.callbacks ?? []) found.push(...attempts(delivery));
  if (task.links_expire_ms !== undefined)
    found.push({
      kind: "expiry",
      at: task.links_expire_ms,
      title: `Result links expire ${exact(task.links_expire_ms)}`,
    });
  return found;
}

function attempts(delivery) {
  const found = delivery.attempts.map((one) => {
    const arrived = one.status >= 200 && one.status < 300;
    const kind = arrived ? "delivered" : one.ended_ms === undefined ? "sending" : "undelivered";
    const text = one.status === undefined ? "×" : String(one.status);
    return { kind, at: one.at_ms, text, title: `Callback, attempt ${one.number}: ${outcome(one)}` };
  });
  if (delivery.due_ms !== undefined)
    found.push({ kind: "next", at: delivery.due_ms, title: `Callback, next attempt at ${exact(delivery.due_ms)}` });
  return found;
}

/** Marks with their places in pixels, without those out of view; of many of a kind on one pixel, one. */
export function placed(found, place, width) {
  const taken = new Set();
  const shown = [];
  for (const mark of found) {
    const px = Math.round(place(mark.at));
    const spot = `${mark.kind}@${px}`;
    if (px < -8 || px > width + 8 || taken.has(spot)) continue;
    taken.add(spot);
    shown.push({ ...mark, px });
  }
  return shown.map((mark, index) => ({
    ...mark,
    isCrowded: Boolean(mark.text) && crowds(mark, shown.slice(index + 1)),
  }));
}

/** Whether the next mark with a text would lie upon the text of this one. */
function crowds(mark, later) {
  return later.some((other) => other.text && other.px >= mark.px && other.px - mark.px < 10 + 7 * mark.text.length);
}

/** Every moment of a task that a picture of it has to show; the expiry of its links lies a day ahead, and is not one. */
export function moments(task) {
  const found = [task.submitted_ms, task.ended_ms ?? task.ends_ms];
  for (const delivery of task.callbacks ?? []) {
    for (const attempt of delivery.attempts) found.push(attempt.at_ms, attempt.ended_ms ?? attempt.at_ms);
    if (delivery.due_ms !== undefined) found.push(delivery.due_ms);
  }
  return found;
}

/** When requests were refused, as far back as these tasks reach: all that are known where there is none. */
export function refusals(others, tasks) {
  const since = Math.min(...tasks.map((one) => one.submitted_ms));
  const refused = others.filter((one) => one.status >= 400).map((one) => one.at_ms);
  return tasks.length ? refused.filter((one) => one >= since) : refused;
}
