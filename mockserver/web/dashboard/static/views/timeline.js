// The first view: what every task of a key went through.

import { html } from "../vendor/htm-preact.js";
import { get } from "../core/api.js";
import { useNow, useShared } from "../core/hooks.js";
import { counted, keyName } from "../core/format.js";
import { go } from "../core/route.js";
import { Empty, Toolbar } from "../parts/basic.js";
import { Timeline } from "../timeline/view.js";
import { FirstSteps } from "./first-steps.js";

export function TimelineView({ route }) {
  const nowMs = useNow();
  const requests = useShared((shared) => shared.requests);
  const accounts = useShared((shared) => shared.accounts) ?? [];
  const apart = !route.key && accounts.length > 1 && accounts.some((one) => one.clock.own);
  const load = async (offset, limit, signal) => {
    const { total, tasks } = await get("tasks", { key: route.key, offset, limit, callbacks: true }, signal);
    return { total, rows: tasks };
  };
  return html`<section class="view">
    ${
      apart
        ? html`<${Toolbar} title="Timeline" /><${PickKey} accounts=${accounts} />`
        : html`<${Timeline}
            title="Timeline"
            load=${load}
            deps=${[route.key]}
            topics=${["tasks"]}
            requests=${requests}
            nowMs=${nowMs}
            isLive=${true}
            withKeys=${!route.key && accounts.length > 1}
            opened=${route.open}
            open=${(open) => go({ open })}
            empty=${html`<${FirstSteps} />`}
          />`
    }
  </section>`;
}

function PickKey({ accounts }) {
  return html`<${Empty} title="These keys do not all go by one clock, so they share no axis.">
    <p class="pick">${accounts
      .slice(0, 40)
      .map(
        (one) =>
          html`<button type="button" key=${one.tenant} onClick=${() => go({ key: one.tenant })}>
            ${keyName(one.tenant)} <span class="quiet">${counted(one.tasks, "task")}</span>
          </button>`,
      )}</p>
  </${Empty}>`;
}
