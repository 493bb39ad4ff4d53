// What several parts of the page know in common. Whoever listens hears of changes once a frame at the most.

const listeners = new Set();
let planned = false;

export const state = {
  route: { view: "timeline", key: null, open: null },
  token: null,
  login: "unknown", // unknown, needed, done
  line: "connecting", // connecting, live, lost
  clock: null, // as the last pulse told it; of the key that is looked at, or the server's
  clockAt: 0,
  health: null,
  goneNodes: {}, // name -> when it was last heard of, in ms
  accounts: null,
  requests: [], // summaries, oldest first
  hints: [],
  revisions: {}, // topic -> how often it moved
  notices: [],
};

export function set(change) {
  Object.assign(state, change);
  tell();
}

/** Something moved of each of these topics: whoever shows it asks again. */
export function touch(topics) {
  const revisions = { ...state.revisions };
  for (const topic of topics) revisions[topic] = (revisions[topic] ?? 0) + 1;
  set({ revisions });
}

export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

let number = 0;

/** Say something for a few seconds; it is read aloud too. */
export function notice(text, kind = "good") {
  number += 1;
  const one = { id: number, text: String(text), kind };
  set({ notices: [...state.notices.slice(-3), one] });
  setTimeout(() => set({ notices: state.notices.filter((other) => other !== one) }), kind === "bad" ? 12_000 : 4_000);
}

function tell() {
  if (planned) return;
  planned = true;
  const soon = document.hidden ? (run) => setTimeout(run, 500) : requestAnimationFrame;
  soon(() => {
    planned = false;
    for (const listener of [...listeners]) listener();
  });
}
