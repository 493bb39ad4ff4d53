// What became of a task, told as a person beside you would. Pure.

import { counted, credits, duration } from "./format.js";

const ENDS = { completed: "completed", failed: "failed", cancelled: "was cancelled" };
const PRIVATE = /private|internal|loopback|local|not allowed|forbid/i;

/** Sentences about where a task stands and what comes next: {kind: good|wait|bad, text}. */
export function why(task, nowMs, clock) {
  return [ofTask(task, nowMs, clock), ...ofCallbacks(task, nowMs, clock)];
}

function ofTask(task, nowMs, clock) {
  if (task.state === "pending") return wait(`It waits until it is started, ${ahead(task.starts_ms, nowMs, clock)}.`);
  if (task.state === "processing") return wait(`It works, and ends ${ahead(task.ends_ms, nowMs, clock)}.`);
  const took = duration(task.ended_ms - task.submitted_ms);
  const money =
    task.state === "completed"
      ? `${credits(task.reserved_uc)} credits were charged`
      : `${credits(task.reserved_uc)} credits were released, nothing was charged`;
  const reason = task.failure ? ` with ${task.failure}` : "";
  return {
    kind: task.state === "completed" ? "good" : "bad",
    text: `It ${ENDS[task.state]}${reason} after ${took}; ${money}.`,
  };
}

function ofCallbacks(task, nowMs, clock) {
  if (!task.callback_url) return [{ kind: "none", text: "It has no callback: the submission named no callback_url." }];
  if (task.ended_ms === undefined) return [wait("Its callback goes out when it has ended.")];
  if (!task.callbacks?.length) {
    const silenced = task.effect?.callback?.copies === 0;
    return [
      {
        kind: "bad",
        text: silenced
          ? "No callback was sent: a scenario or a trigger word asked for none (copies: 0)."
          : "No callback is kept for it.",
      },
    ];
  }
  return task.callbacks.map((one) => ofCallback(one, task.callbacks.length > 1, nowMs, clock));
}

/** Why a callback did or did not arrive. */
export function ofCallback(delivery, isOneOfMany, nowMs, clock) {
  const name = isOneOfMany ? `Callback ${delivery.id.split("-").at(-1)}` : "The callback";
  const attempts = delivery.attempts;
  const last = attempts.at(-1);
  if (delivery.state === "delivered") {
    const tries = attempts.length > 1 ? `, at attempt ${last.number}` : "";
    return { kind: "good", text: `${name} arrived: the receiver answered ${last.status}${tries}.` };
  }
  if (delivery.state === "sending")
    return wait(`${name}: attempt ${last?.number ?? 1} is under way; the receiver has not answered yet.`);
  if (delivery.state === "planned" && !last) return wait(`${name} goes out ${ahead(delivery.due_ms, nowMs, clock)}.`);
  if (delivery.state === "planned")
    return wait(
      `${name} did not arrive yet: ${outcome(last)}. It is tried again ${ahead(delivery.due_ms, nowMs, clock)}.`,
    );
  return {
    kind: "bad",
    text: `${name} never arrived: given up after ${counted(attempts.length, "attempt")}. ${reasons(attempts)}${advice(last)}`,
  };
}

/** What one attempt came to. */
export function outcome(attempt) {
  if (attempt.status !== undefined) return `the receiver answered ${attempt.status}`;
  return attempt.error ?? "no answer yet";
}

function reasons(attempts) {
  const told = [...new Set(attempts.map(outcome))];
  const text = told.length === 1 ? `Each time: ${told[0]}` : `In turn: ${told.join(", ")}`;
  return `${text}.`;
}

function advice(last) {
  if (last?.status >= 300 && last.status < 400) return " Redirects are not followed; give the URL where it ends.";
  if (last?.status !== undefined) return " Only an answer 200 to 299 counts as received.";
  if (PRIVATE.test(last?.error ?? ""))
    return " Start the mock with --allow-local-callbacks to send callbacks to this machine.";
  if (/refused|connect/i.test(last?.error ?? "")) return " Is the receiver running, and on that port?";
  if (/no answer|time/i.test(last?.error ?? ""))
    return " The receiver has to answer before its work is done, not after.";
  return "";
}

function ahead(atMs, nowMs, clock) {
  if (atMs === undefined) return "soon";
  const left = atMs - nowMs;
  const paused =
    clock?.mode === "manual"
      ? ", once the clock moves: it is paused"
      : clock?.mode === "polls"
        ? ", once polls have moved the clock so far"
        : "";
  return left <= 0 ? `now${paused}` : `in ${duration(left)}${paused}`;
}

const wait = (text) => ({ kind: "wait", text });

/** A task's whole life in order: {at_ms, kind, text, request?}; what is still to come has `planned`. */
export function story(task, requests, nowMs) {
  const steps = [
    { at_ms: task.submitted_ms, kind: "submitted", text: `Submitted; ${credits(task.reserved_uc)} credits reserved` },
    { at_ms: task.starts_ms, kind: "started", text: "Work begins", planned: task.state === "pending" },
    ending(task),
    ...requests.filter((one) => one.method === "GET" || one.status >= 400).map(asked),
    ...(task.callbacks ?? []).flatMap(attempts),
  ];
  if (task.ended_ms < task.starts_ms) steps.splice(1, 1);
  if (task.links_expire_ms !== undefined) {
    steps.push({
      at_ms: task.links_expire_ms,
      kind: "expiry",
      text: "Result links expire",
      planned: task.links_expire_ms > nowMs,
    });
  }
  return steps.sort((one, other) => one.at_ms - other.at_ms);
}

function ending(task) {
  if (task.ended_ms === undefined) return { at_ms: task.ends_ms, kind: "planned", text: "Ends", planned: true };
  const money = task.state === "completed" ? "charged" : "released";
  return {
    at_ms: task.ended_ms,
    kind: task.state,
    text: `${task.failure ? `${task.state}: ${task.failure}` : task.state}; ${credits(task.reserved_uc)} credits ${money}`,
  };
}

function asked(request) {
  const isResult = request.path.startsWith("/media/");
  return {
    at_ms: request.at_ms,
    kind: isResult ? "fetch" : "poll",
    text: `${isResult ? "Result fetched" : "Polled"}: ${request.status}`,
    request: request.sequence,
    bad: request.status >= 400,
  };
}

function attempts(delivery) {
  const steps = delivery.attempts.map((one) => ({
    at_ms: one.at_ms,
    kind: one.status >= 200 && one.status < 300 ? "delivered" : "undelivered",
    text: `Callback, attempt ${one.number}: ${outcome(one)}`,
    bad: !(one.status >= 200 && one.status < 300),
  }));
  if (delivery.due_ms !== undefined)
    steps.push({
      at_ms: delivery.due_ms,
      kind: "planned",
      text: `Callback, attempt ${delivery.attempts.length + 1}`,
      planned: true,
    });
  return steps;
}
