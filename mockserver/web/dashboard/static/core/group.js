// The journal by task. Pure.

/** {byTask: Map(task id -> its requests), others: those about no task}, oldest first. */
export function grouped(requests) {
  const byTask = new Map();
  const others = [];
  for (const one of requests) {
    if (!one.task_id || (one.method === "POST" && one.status >= 400)) others.push(one);
    if (!one.task_id) continue;
    if (!byTask.has(one.task_id)) byTask.set(one.task_id, []);
    byTask.get(one.task_id).push(one);
  }
  return { byTask, others };
}

/** Those that fit a search: every word of it has to be somewhere in a line. */
export function fitting(requests, search, only) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  return requests.filter(
    (one) =>
      (only !== "refused" || one.status >= 400) &&
      (only !== "submissions" || one.method === "POST") &&
      words.every((word) => line(one).includes(word)),
  );
}

function line(one) {
  return `${one.method} ${one.path} ${one.query ?? ""} ${one.status} ${one.model ?? ""} ${one.message ?? ""} ${one.task_id ?? ""} ${one.fault ?? ""} ${one.tenant ?? ""}`.toLowerCase();
}

/** Whether a journal that was read afresh is the one that is known: its newest request stands there as it did. */
export function goesOn(known, read) {
  const newest = known.at(-1);
  return read.some((one) => one.sequence === newest?.sequence && one.real_ms === newest.real_ms);
}
