// Where in the page one is, as the fragment of its address says it: #/tasks?key=…&open=task:ID. Pure but for `go`.

export const VIEWS = ["timeline", "tasks", "requests", "callbacks", "ledger", "files", "scenarios", "keys", "replay"];

export function parse(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const given = new URLSearchParams(query);
  return {
    view: VIEWS.includes(path) ? path : VIEWS[0],
    key: given.get("key") || null,
    open: given.get("open") || null,
  };
}

export function written({ view, key, open }) {
  const given = new URLSearchParams();
  if (key) given.set("key", key);
  if (open) given.set("open", open);
  const query = given.toString();
  return `#/${view}${query ? `?${query}` : ""}`;
}

/** Change a part of where one is. */
export function go(change) {
  location.hash = written({ ...parse(location.hash), ...change });
}
