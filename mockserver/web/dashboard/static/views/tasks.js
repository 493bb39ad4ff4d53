// The list of tasks.

import { html, useState } from "../vendor/htm-preact.js";
import { get } from "../core/api.js";
import { credits, duration, tail } from "../core/format.js";
import { useSettled } from "../core/hooks.js";
import { go } from "../core/route.js";
import { Choice, Key, Line, Search, State, Time, Toolbar } from "../parts/basic.js";
import { PagedGrid } from "../parts/grid.js";
import { FirstSteps } from "./first-steps.js";

const STATES = {
  "": "All",
  pending: "Pending",
  processing: "Processing",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
};

const COLUMNS = [
  { name: "at", title: "Submitted", width: "92px", cell: (one) => html`<${Time} ms=${one.submitted_ms} />` },
  { name: "state", title: "State", width: "112px", cell: (one) => html`<${State} state=${one.state} />` },
  {
    name: "id",
    title: "Task",
    width: "110px",
    grow: 1,
    cell: (one) => html`<span class="id" title=${one.id}>${tail(one.id)}</span>`,
  },
  {
    name: "model",
    title: "Model",
    width: "160px",
    grow: 2,
    narrow: "wide-only",
    cell: (one) => html`<${Line} text=${one.model} />`,
  },
  { name: "outcome", title: "Outcome", width: "120px", grow: 2, cell: outcome },
  { name: "callback", title: "Callback", width: "110px", grow: 1, narrow: "wide-only", cell: callback },
  {
    name: "credits",
    title: "Credits",
    width: "78px",
    align: "number",
    narrow: "wide-only",
    cell: (one) => credits(one.reserved_uc),
  },
  {
    name: "key",
    title: "Key",
    width: "108px",
    narrow: "wide-only",
    cell: (one) => html`<${Key} tenant=${one.tenant} />`,
  },
];

export function TasksView({ route }) {
  const [state, setState] = useState("");
  const [search, setSearch] = useState("");
  const [total, setTotal] = useState();
  const wanted = useSettled(search);
  const load = async (offset, limit, signal) => {
    const found = await get("tasks", { key: route.key, state, search: wanted, offset, limit, callbacks: true }, signal);
    setTotal(found.total);
    return { total: found.total, rows: found.tasks };
  };
  const isFiltered = Boolean(state || wanted);
  return html`<section class="view">
    <${Toolbar} title="Tasks" total=${total}>
      <${Choice} label="State" options=${STATES} value=${state} change=${setState} />
      <${Search} label="Search id, model, callback URL, code" value=${search} change=${setSearch} />
    </${Toolbar}>
    <${PagedGrid} label="Tasks" columns=${COLUMNS} load=${load} deps=${[route.key, state, wanted]} topics=${["tasks"]}
      rowKey=${(one) => one.id} open=${(one) => go({ open: `task:${one.id}` })} opened=${route.open?.replace("task:", "")}
      empty=${isFiltered ? "No task fits." : html`<${FirstSteps} />`} />
  </section>`;
}

function outcome(task) {
  if (task.failure) return html`<${Line} text=${task.failure} />`;
  if (task.ended_ms !== undefined)
    return html`<span class="quiet">after ${duration(task.ended_ms - task.submitted_ms)}</span>`;
  return html`<progress max="100" value=${task.progress} aria-label="Progress">${task.progress} %</progress>`;
}

function callback(task) {
  if (!task.callback_url) return html`<span class="quiet">none</span>`;
  const one = task.callbacks?.[0];
  return one
    ? html`<${State} state=${one.state} />`
    : html`<span class="quiet">${task.ended_ms === undefined ? "when it ends" : "not sent"}</span>`;
}
