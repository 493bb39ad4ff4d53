// The page: what is drawn where, and what it listens to.

import { html, render, useEffect } from "./vendor/htm-preact.js";
import { get, recall } from "./core/api.js";
import { useLive, useShared } from "./core/hooks.js";
import { listen, seen } from "./core/live.js";
import { parse } from "./core/route.js";
import { notice, set, state } from "./core/store.js";
import { apply } from "./core/theme.js";
import { AccountPanel } from "./views/account.js";
import { CallbacksView } from "./views/callbacks.js";
import { FilesView } from "./views/files.js";
import { Frame } from "./views/frame.js";
import { HintBar, HintsPanel } from "./views/hints.js";
import { KeysView } from "./views/keys.js";
import { LedgerView } from "./views/ledger.js";
import { Login } from "./views/login.js";
import { NodesPanel } from "./views/nodes.js";
import { ReplayView } from "./views/replay.js";
import { RequestPanel } from "./views/request.js";
import { RequestsView } from "./views/requests.js";
import { ScenariosView } from "./views/scenarios.js";
import { TaskPanel } from "./views/task.js";
import { TasksView } from "./views/tasks.js";
import { TimelineView } from "./views/timeline.js";

const VIEWS = {
  timeline: TimelineView,
  tasks: TasksView,
  requests: RequestsView,
  callbacks: CallbacksView,
  ledger: LedgerView,
  files: FilesView,
  scenarios: ScenariosView,
  keys: KeysView,
  replay: ReplayView,
};

function App() {
  const login = useShared((shared) => shared.login);
  if (login === "unknown") return html`<p class="loading">Loading…</p>`;
  return login === "needed" ? html`<${Login} entered=${enter} />` : html`<${Page} />`;
}

function Page() {
  const route = useShared((shared) => shared.route);
  const View = VIEWS[route.view];
  useEffect(() => listen(route.key), [route.key]);
  const { data } = useLive((signal) => get("accounts", { limit: 500 }, signal), [], ["accounts"]);
  useEffect(() => data && set({ accounts: data.accounts }), [data]);
  const hints = useLive((signal) => get("hints", { key: route.key }, signal), [route.key], ["hints"]).data;
  useEffect(() => hints && set({ hints: hints.hints }), [hints]);
  useEffect(() => {
    document.title = `${route.view[0].toUpperCase()}${route.view.slice(1)} · evolink-mock`;
  }, [route.view]);
  return html`<${Frame} route=${route}>
    <${HintBar} />
    <div class="content"><${View} route=${route} key=${route.view} /><${Opened} route=${route} /></div>
  </${Frame}>`;
}

function Opened({ route }) {
  const [kind, ...rest] = route.open?.split(":") ?? [];
  const id = rest.join(":");
  if (kind === "task" && route.view !== "replay") return html`<${TaskPanel} id=${id} key=${id} />`;
  if (kind === "request") return html`<${RequestPanel} sequence=${id} key=${id} />`;
  if (kind === "hints") return html`<${HintsPanel} />`;
  if (kind === "nodes") return html`<${NodesPanel} />`;
  return kind === "key" ? html`<${AccountPanel} tenant=${id} key=${id} />` : null;
}

async function enter() {
  try {
    set({ health: await get("health"), login: "done" });
  } catch (error) {
    if (error.status !== 401) {
      notice(error.message, "bad");
      setTimeout(enter, 2_000);
    }
  }
}

const navigated = () => set({ route: parse(location.hash) });

apply();
recall();
state.route = parse(location.hash);
addEventListener("hashchange", navigated);
document.addEventListener("visibilitychange", seen);
document.getElementById("page").replaceChildren();
render(html`<${App} />`, document.getElementById("page"));
enter();
