// The keys: each is a world of its own, with its money, its limits and its clock.

import { html, useState } from "../vendor/htm-preact.js";
import { get } from "../core/api.js";
import { pace } from "../core/clock.js";
import { count, credits } from "../core/format.js";
import { useSettled } from "../core/hooks.js";
import { go } from "../core/route.js";
import { Key, Search, Time, Toolbar } from "../parts/basic.js";
import { PagedGrid } from "../parts/grid.js";

const number = (name, title, value, narrow = "wide-only") => ({
  name,
  title,
  width: "82px",
  align: "number",
  narrow,
  cell: value,
});

const COLUMNS = [
  { name: "key", title: "Key", width: "108px", grow: 1, shrink: 0, cell: (one) => html`<${Key} tenant=${one.tenant} />` },
  {
    name: "state",
    title: "State",
    width: "76px",
    cell: (one) => html`<span class=${one.account.state === "active" ? "good" : "bad"}>${one.account.state}</span>`,
  },
  number("tasks", "Tasks", (one) => count(one.tasks), ""),
  number("active", "Active", (one) => count(one.active_tasks)),
  number("callbacks", "Callbacks", (one) => count(one.callbacks)),
  { ...number("available", "Available", (one) => credits(one.user.available), ""), width: "118px" },
  number("charged", "Charged", (one) => credits(one.user.charged)),
  { name: "clock", title: "Clock", width: "170px", narrow: "wide-only", cell: clock },
];

export function KeysView({ route }) {
  const [search, setSearch] = useState("");
  const [total, setTotal] = useState();
  const wanted = useSettled(search);
  const load = async (offset, limit, signal) => {
    const found = await get("accounts", { search: wanted, offset, limit }, signal);
    setTotal(found.total);
    return { total: found.total, rows: found.accounts };
  };
  return html`<section class="view">
    <${Toolbar} title="Keys" total=${total}><${Search} label="Search by the last characters" value=${search} change=${setSearch} /></${Toolbar}>
    <${PagedGrid} label="Keys" columns=${COLUMNS} load=${load} deps=${[wanted]} topics=${["accounts"]} rowKey=${(one) => one.tenant}
      open=${(one) => go({ open: `key:${one.tenant}` })} opened=${route.open?.replace("key:", "")}
      empty=${wanted ? "No key fits." : "No key yet: each gets a world of its own with its first request."} />
  </section>`;
}

function clock(one) {
  return one.clock.own
    ? html`<span>own, ${pace(one.clock)}, <${Time} ms=${one.clock.now_ms} /></span>`
    : html`<span class="quiet">the server's</span>`;
}
