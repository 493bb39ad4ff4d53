// A key's money as a statement: each transfer with the balance after it.

import { html, useMemo } from "../vendor/htm-preact.js";
import { get } from "../core/api.js";
import { count, credits, day, tail } from "../core/format.js";
import { useLive, useShared } from "../core/hooks.js";
import { go } from "../core/route.js";
import { balances, statement, WORDS } from "../core/statement.js";
import { Empty, Key, Time, Toolbar } from "../parts/basic.js";
import { Grid } from "../parts/grid.js";

const NAMES = { granted: "Granted", available: "Available", reserved: "Reserved", charged: "Charged" };

const COLUMNS = [
  { name: "day", title: "Day", width: "104px", narrow: "wide-only", cell: (one) => day(one.at_ms) },
  { name: "at", title: "Time", width: "92px", cell: (one) => html`<${Time} ms=${one.at_ms} />` },
  {
    name: "kind",
    title: "Entry",
    width: "84px",
    cell: (one) => html`<span class=${`entry entry-${one.kind}`}>${WORDS[one.kind]}</span>`,
  },
  { name: "amount", title: "Credits", width: "112px", align: "number", cell: (one) => credits(one.amount_uc) },
  {
    name: "task",
    title: "Task",
    width: "90px",
    grow: 1,
    cell: (one) => html`<span class="id">${one.task_id ? tail(one.task_id) : one.account}</span>`,
  },
  ...["available", "reserved", "charged"].map((name) => ({
    name,
    title: NAMES[name],
    width: "110px",
    align: "number",
    narrow: "wide-only",
    cell: (one) => credits(one.balance[name]),
  })),
];

export function LedgerView({ route }) {
  const accounts = useShared((shared) => shared.accounts) ?? [];
  const key = route.key ?? (accounts.length === 1 ? accounts[0].tenant : null);
  return html`<section class="view">
    <${Toolbar} title="Ledger" />
    ${key ? html`<${Statement} tenant=${key} route=${route} key=${key} />` : html`<${Books} accounts=${accounts} />`}
  </section>`;
}

function Statement({ tenant, route }) {
  const { data, error } = useLive((signal) => get("ledger", { key: tenant }, signal), [tenant], ["ledger"]);
  const book = data?.accounts[0];
  const { lines, opening } = useMemo(() => (book ? statement(book) : { lines: [] }), [book]);
  if (error && !data) return html`<p class="empty bad" role="alert">${error.message}</p>`;
  if (!book) return html`<p class="empty">Loading…</p>`;
  return html` <${Balance} name="User" of=${book.user} />
    ${book.token && html`<${Balance} name="Token" of=${book.token} />`}
    <${Grid}
      label="Statement"
      columns=${COLUMNS}
      total=${lines.length}
      rowAt=${(index) => lines[index]}
      rowKey=${(one) => `${one.at_ms}${one.kind}${one.task_id}`}
      open=${(one) => one.task_id && go({ open: `task:${one.task_id}` })}
      opened=${route.open}
      empty="No transfer yet."
    />
    ${opening?.granted !== 0 && html`<p class="foot quiet">Older entries are no longer listed; before them: ${credits(opening.granted)} granted, ${credits(opening.charged)} charged.</p>`}`;
}

function Balance({ name, of }) {
  return html`<div class="balance" role="group" aria-label=${`Balance: ${name}`}>
    <span class="balance-name">${name}</span>
    ${Object.entries(NAMES).map(([one, title]) => html`<span key=${one} class="amount"><small>${title}</small>${credits(of[one])}</span>`)}
    <span class=${balances(of) ? "good" : "bad"} title="granted = available + reserved + charged"
      >${balances(of) ? "✓ balances" : "✗ does not balance"}</span
    >
  </div>`;
}

function Books({ accounts }) {
  if (!accounts.length)
    return html`<${Empty} title="No key has an account yet: each gets one with its first request." />`;
  const columns = [
    { name: "key", title: "Key", width: "110px", grow: 1, shrink: 0, cell: (one) => html`<${Key} tenant=${one.tenant} />` },
    ...Object.entries(NAMES).map(([name, title]) => ({
      name,
      title,
      width: "120px",
      align: "number",
      narrow: name === "granted" ? "wide-only" : "",
      cell: (one) => credits(one.user[name]),
    })),
    {
      name: "tasks",
      title: "Tasks",
      width: "80px",
      align: "number",
      narrow: "wide-only",
      cell: (one) => count(one.tasks),
    },
  ];
  return html`<${Grid}
    label="Balances of all keys"
    columns=${columns}
    total=${accounts.length}
    rowAt=${(index) => accounts[index]}
    rowKey=${(one) => one.tenant}
    open=${(one) => go({ key: one.tenant })}
  />`;
}
