// The journal: what came, what was answered, what was refused.

import { html, useMemo, useState } from "../vendor/htm-preact.js";
import { fitting } from "../core/group.js";
import { tail } from "../core/format.js";
import { useSettled, useShared } from "../core/hooks.js";
import { go } from "../core/route.js";
import { Choice, Key, Line, Search, Status, Time, Toolbar } from "../parts/basic.js";
import { Grid } from "../parts/grid.js";
import { FirstSteps } from "./first-steps.js";

const ONLY = { all: "All", submissions: "Submissions", refused: "Refused" };

const COLUMNS = [
  { name: "at", title: "Time", width: "92px", cell: (one) => html`<${Time} ms=${one.at_ms} />` },
  { name: "status", title: "Status", width: "66px", cell: (one) => html`<${Status} status=${one.status} />` },
  { name: "method", title: "Method", width: "74px", cell: (one) => html`<span class="method">${one.method}</span>` },
  {
    name: "path",
    title: "Path",
    width: "150px",
    grow: 2,
    cell: (one) => html`<${Line} text=${one.query ? `${one.path}?${one.query}` : one.path} />`,
  },
  { name: "told", title: "What", width: "120px", grow: 3, narrow: "wide-only", cell: told },
  {
    name: "key",
    title: "Key",
    width: "108px",
    narrow: "wide-only",
    cell: (one) => html`<${Key} tenant=${one.tenant} />`,
  },
];

export function RequestsView({ route }) {
  const requests = useShared((shared) => shared.requests);
  const [only, setOnly] = useState("all");
  const [search, setSearch] = useState("");
  const wanted = useSettled(search);
  const rows = useMemo(() => fitting(requests, wanted, only).reverse(), [requests, wanted, only]);
  return html`<section class="view">
    <${Toolbar} title="Requests" total=${rows.length}>
      <${Choice} label="Which" options=${ONLY} value=${only} change=${setOnly} />
      <${Search} label="Search path, model, status, message, task" value=${search} change=${setSearch} />
    </${Toolbar}>
    <${Grid} key=${`${only}|${wanted}`} label="Requests" columns=${COLUMNS} total=${rows.length} rowAt=${(index) => rows[index]}
      rowKey=${(one) => String(one.sequence)} open=${(one) => go({ open: `request:${one.sequence}` })}
      opened=${route.open?.replace("request:", "")} empty=${requests.length ? "No request fits." : html`<${FirstSteps} />`} />
  </section>`;
}

function told(one) {
  if (one.fault) return html`<span class="fault">${one.fault}</span>`;
  if (one.message) return html`<${Line} text=${one.message} />`;
  return html`<span class="quiet">${[one.model, one.task_id && tail(one.task_id)].filter(Boolean).join(" · ")}</span>`;
}
