// Deliveries, each with what its attempts came to.

import { html, useState } from "../vendor/htm-preact.js";
import { call, get, segment } from "../core/api.js";
import { tail } from "../core/format.js";
import { useSettled, useShared } from "../core/hooks.js";
import { go } from "../core/route.js";
import { ofCallback } from "../core/why.js";
import { Act, Choice, Key, Line, Search, State, Toolbar } from "../parts/basic.js";
import { PagedGrid } from "../parts/grid.js";

const STATES = { "": "All", planned: "Planned", sending: "Sending", delivered: "Delivered", given_up: "Given up" };

export function CallbacksView({ route }) {
  const [state, setState] = useState("");
  const [search, setSearch] = useState("");
  const [total, setTotal] = useState();
  const wanted = useSettled(search);
  const clock = useShared((shared) => shared.clock);
  const load = async (offset, limit, signal) => {
    const asked = { key: route.key, state, search: wanted, offset, limit, newest_first: true };
    const found = await get("callbacks", asked, signal);
    setTotal(found.total);
    return { total: found.total, rows: found.callbacks };
  };
  const columns = [
    { name: "state", title: "State", width: "102px", cell: (one) => html`<${State} state=${one.state} />` },
    {
      name: "attempts",
      title: "Attempts",
      width: "150px",
      narrow: "wide-only",
      cell: (one) => html`<${Attempts} of=${one} />`,
    },
    {
      name: "why",
      title: "Why",
      width: "150px",
      grow: 3,
      cell: (one) => html`<${Line} limit=${300} text=${ofCallback(one, false, clock?.now_ms ?? 0, clock).text} />`,
    },
    {
      name: "url",
      title: "URL",
      width: "120px",
      grow: 2,
      narrow: "wide-only",
      cell: (one) => html`<${Line} text=${one.url} />`,
    },
    {
      name: "task",
      title: "Task",
      width: "90px",
      narrow: "wide-only",
      cell: (one) => html`<span class="id">${tail(one.task_id)}</span>`,
    },
    {
      name: "key",
      title: "Key",
      width: "108px",
      narrow: "wide-only",
      cell: (one) => html`<${Key} tenant=${one.tenant} />`,
    },
    {
      name: "again",
      title: "",
      width: "108px",
      narrow: "wide-only",
      cell: (one) => html`<${SendAgain} delivery=${one} />`,
    },
  ];
  return html`<section class="view">
    <${Toolbar} title="Callbacks" total=${total}>
      <${Choice} label="State" options=${STATES} value=${state} change=${setState} />
      <${Search} label="Search id, URL" value=${search} change=${setSearch} />
    </${Toolbar}>
    <${PagedGrid} label="Callbacks" columns=${columns} load=${load} deps=${[route.key, state, wanted]} topics=${["callbacks"]}
      rowKey=${(one) => one.id} open=${(one) => go({ open: `task:${one.task_id}` })} opened=${route.open}
      empty=${state || wanted ? "No callback fits." : "No callback yet. One is planned when a task ends that was submitted with a callback_url."} />
  </section>`;
}

/** Each attempt as its answer. */
export function Attempts({ of }) {
  return html`<span class="attempts"
    >${of.attempts.slice(-6).map((one) => {
      const arrived = one.status >= 200 && one.status < 300;
      return html`<span
        key=${one.number}
        class=${`chip ${arrived ? "good" : "bad"}`}
        title=${one.error ?? `answered ${one.status}`}
        >${one.status ?? "×"}</span
      >`;
    })}${of.due_ms !== undefined && html`<span class="chip next" title="Next attempt">→</span>`}</span
  >`;
}

export function SendAgain({ delivery }) {
  const busy = delivery.state === "sending";
  return html`<${Act}
    label="Send again"
    kind="small"
    disabled=${busy}
    act=${() => call("POST", `callbacks/${segment(delivery.id)}/replay`)}
    done=${(told) => `Sent again: ${told.state.replace("_", " ")}`}
  />`;
}
