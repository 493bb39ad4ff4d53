// The nodes that share a log. The stream tells what this one does; what the others do is looked for with each beat.

import { get } from "./api.js";
import { lookAgain, readOfAll } from "./live.js";
import { set, state } from "./store.js";

const BEAT_MS = 2_000;
export const SLOTS = 4_096;

/** Whether every slot has a node: while one that has gone is not replaced yet, it is missed. */
export function areAllHeld(node) {
  return node.peers.reduce((held, one) => held + one.slots, node.slots) >= SLOTS;
}

/** Look at the nodes again and again; gives what ends it. */
export function beating() {
  const timer = setInterval(beat, BEAT_MS);
  return () => clearInterval(timer);
}

async function beat() {
  if (document.hidden || state.line !== "live") return;
  try {
    const health = await get("health");
    set({ health, goneNodes: goneNow(state, health) });
    // also when the last peer is gone: what was looked at while its slots changed hands lacked them
    if (health.node?.peers.length || Object.keys(state.goneNodes).length > 0) {
      lookAgain();
      readOfAll(state.route.key);
    }
  } catch {
    // the line says that it is lost
  }
}

/** Peers that lived and are not heard of any more: {name: when one was last heard of, in ms}. */
function goneNow({ health: before, goneNodes }, { node }) {
  const live = new Set(node?.peers.map((one) => one.name));
  const known = { ...goneNodes };
  for (const one of before?.node?.peers ?? []) known[one.name] = before.now_ms;
  return Object.fromEntries(Object.entries(known).filter(([name]) => !live.has(name)));
}
