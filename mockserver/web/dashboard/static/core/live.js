// The one stream that keeps the page true. It comes again by itself; nothing is asked for on a timer while it stands.

import { ask, get } from "./api.js";
import { goesOn } from "./group.js";
import { reader } from "./sse.js";
import { set, state, touch } from "./store.js";

const AGAIN_MS = [250, 500, 1_000, 2_000, 5_000];
const KEPT_REQUESTS = 2_000;
const PAGE = 1_000;
const PAUSE_MS = 300;
const FLOODED_MS = 1_000;
const SILENCE_MS = 40_000;

/** What an event is about, by the first part of its type. */
const TOPICS = {
  task: ["tasks"],
  callback: ["callbacks", "tasks"],
  credits: ["ledger", "accounts"],
  account: ["accounts", "ledger"],
  scenario: ["scenarios"],
  file: ["files"],
  tenant: ["hints", "tasks", "callbacks", "ledger", "files", "scenarios", "accounts"],
  clock: ["accounts"],
  hint: ["hints"],
};
const EVERYTHING = [...new Set(Object.values(TOPICS).flat())];

let listening;
let leaving = null;
let tries = 0;

/** Whatever is shown is asked for again. */
export const lookAgain = () => touch(EVERYTHING);

/** Listen to a key, or to all (null), instead of whatever was listened to. */
export function listen(key) {
  listening = key;
  leaving?.abort();
  leaving = new AbortController();
  if (!document.hidden) run(key, leaving.signal);
}

/** A tab that nobody sees gives its connection back: a browser has six to a server, for all its tabs. */
export function seen() {
  if (document.hidden) leaving?.abort();
  else if (listening !== undefined) listen(listening);
}

async function run(key, signal) {
  while (!signal.aborted) {
    try {
      await once(key, signal);
    } catch (error) {
      if (signal.aborted || error.status === 401) return;
    }
    if (signal.aborted) return;
    set({ line: "lost" });
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS[Math.min(tries, AGAIN_MS.length - 1)]));
    tries += 1;
  }
}

async function once(key, signal) {
  const answer = await ask("GET", "events", { params: { pulse: true, key }, signal });
  const read = reader();
  const text = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  set({ line: "live", login: "done" });
  tries = 0;
  known.isUnsure = true; // another process may answer there now, which counts its requests from 1
  lookAgain(); // at what happened while nobody listened
  try {
    for (;;) {
      const { value, done } = await within(SILENCE_MS, text.read());
      if (done || signal.aborted) return;
      take(read(value), key);
    }
  } finally {
    text.cancel().catch(() => {}); // it is gone already
  }
}

/** The mock says every 15 s at least that it is there: silence is a server that stands still, or a dead line. */
function within(ms, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("silence")), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

function take(events, key) {
  const topics = new Set();
  for (const { type, data } of events) {
    if (type === "pulse") pulse(JSON.parse(data), key, topics);
    else for (const topic of TOPICS[type.split(".")[0]] ?? []) topics.add(topic);
  }
  if (topics.size) touch(topics);
}

let keys = null;

function pulse(told, key, topics) {
  set({ clock: told.clock, clockAt: performance.now(), keyCount: told.keys });
  if (told.left_out) for (const topic of EVERYTHING) topics.add(topic);
  if (told.keys !== keys) topics.add("accounts");
  keys = told.keys;
  if (state.health?.node) readOfAll(key);
  else readRequests(told.requests, key);
}

// --- the journal: summaries of the last requests, read on from the last one that is known

let known = { key: undefined, last: 0 };
let wanted = 0;
let reading = false;

async function readRequests(last, key) {
  if (known.key !== key || last < known.last) {
    known = { key, last: 0 };
    set({ requests: [] });
  }
  wanted = last;
  if (reading) return;
  reading = true;
  try {
    while (known.last < wanted || known.isUnsure) await readOn(known);
  } catch {
    // the next pulse tries again
  } finally {
    reading = false;
  }
}

/** Where nodes share the work each pulse counts its own requests only: whatever came to any of them is asked for. */
export async function readOfAll(key) {
  if (known.key !== key) {
    known = { key, last: 0 };
    set({ requests: [] });
  }
  if (reading) return;
  reading = true;
  try {
    await readOn(known);
  } catch {
    // the next pulse or beat tries again
  } finally {
    reading = false;
  }
}

async function readOn(mine) {
  const before = wanted;
  const isUnsure = mine.isUnsure;
  const fresh = mine.last === 0 || mine.isFlooded || isUnsure ? {} : { after: mine.last };
  const { requests } = await get("requests", { key: mine.key, summary: true, limit: PAGE, ...fresh });
  if (mine !== known) return;
  const newest = requests.at(-1)?.sequence ?? 0;
  const kept = isUnsure && !goesOn(state.requests, requests) ? [] : state.requests;
  const old = kept.filter((one) => !requests.length || one.sequence < requests[0].sequence);
  mine.isUnsure = false;
  mine.isFlooded = requests.length === PAGE; // then what lies between is passed over
  mine.last = mine.isFlooded ? newest : Math.max(before, newest);
  if (requests.length || kept !== state.requests) {
    set({ requests: [...old, ...requests].slice(-KEPT_REQUESTS) });
    touch(["requests"]);
  }
  await new Promise((resolve) => setTimeout(resolve, mine.isFlooded ? FLOODED_MS : PAUSE_MS));
}
