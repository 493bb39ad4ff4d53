// The frame: where one can go, whose world it is, the clock, how the stream stands, the theme.

import { html } from "../vendor/htm-preact.js";
import { keyName } from "../core/format.js";
import { useShared } from "../core/hooks.js";
import { go, written } from "../core/route.js";
import { remember } from "../core/api.js";
import { set } from "../core/store.js";
import { next, theme } from "../core/theme.js";
import { ClockBar } from "./clockbar.js";
import { NodesButton } from "./nodes.js";

const TITLES = {
  timeline: "Timeline",
  tasks: "Tasks",
  requests: "Requests",
  callbacks: "Callbacks",
  ledger: "Ledger",
  files: "Files",
  scenarios: "Scenarios",
  keys: "Keys",
  replay: "Replay",
};
const LINES = { live: "live", connecting: "connecting", lost: "lost; trying again" };

export function Frame({ route, children }) {
  return html`<a class="skip" href=${written(route)} onClick=${skip}>Skip to the content</a>
    <header class="top">
      <span class="brand">evolink-mock</span>
      <${KeyChoice} route=${route} />
      <${ClockBar} route=${route} />
      <${Corner} />
    </header>
    <nav class="nav" aria-label="Views">
      ${Object.entries(TITLES).map(
        ([view, title]) =>
          html`<a
            key=${view}
            href=${written({ view, key: route.key })}
            aria-current=${route.view === view ? "page" : undefined}
            >${title}</a
          >`,
      )} <a href="docs" class="elsewhere">Documents</a>
    </nav>
    <main id="content" tabindex="-1">${children}</main>
    <${Notices} />`;
}

function skip(event) {
  event.preventDefault();
  document.getElementById("content").focus();
}

function KeyChoice({ route }) {
  const accounts = useShared((shared) => shared.accounts) ?? [];
  const known = accounts.some((one) => one.tenant === route.key) || !route.key;
  return html`<label class="whose"
    ><span class="sr">Whose world</span
    ><select value=${route.key ?? ""} onChange=${(event) => go({ key: event.target.value || null, open: null })}>
      <option value="">All keys</option>
      ${!known && html`<option value=${route.key}>${keyName(route.key)}</option>`}
      ${accounts.map((one) => html`<option key=${one.tenant} value=${one.tenant}>${keyName(one.tenant)}</option>`)}
    </select></label
  >`;
}

function Corner() {
  const line = useShared((shared) => shared.line);
  const token = useShared((shared) => Boolean(shared.token));
  const shown = useShared(() => theme());
  const leave = () => {
    remember(null);
    location.reload();
  };
  return html`<div class="corner">
    <${NodesButton} />
    <span class=${`line-state line-${line}`} role="status"
      ><span class="dot" aria-hidden="true"></span>${LINES[line]}</span
    >
    <button
      type="button"
      class="quiet-button"
      title="Light, dark, or as the system has it"
      aria-label=${`Theme: ${shown}`}
      onClick=${() => set({ theme: next() })}
    >
      ${{ auto: "◐", light: "☀", dark: "☾" }[shown]}
    </button>
    ${token && html`<button type="button" class="quiet-button" onClick=${leave}>Leave</button>`}
  </div>`;
}

function Notices() {
  const notices = useShared((shared) => shared.notices);
  return html`<div class="notices" role="status" aria-live="polite">
    ${notices.map((one) => html`<p key=${one.id} class=${`notice ${one.kind}`}>${one.text}</p>`)}
  </div>`;
}
