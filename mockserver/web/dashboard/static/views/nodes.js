// The nodes that share a log, where there are any: which live, what each holds, and what is only this one's to tell.

import { html, useEffect } from "../vendor/htm-preact.js";
import { count, counted } from "../core/format.js";
import { useShared } from "../core/hooks.js";
import { areAllHeld, beating, SLOTS } from "../core/nodes.js";
import { go } from "../core/route.js";
import { Facts, Time } from "../parts/basic.js";
import { Panel } from "./panel.js";

const OWN = "Uploaded bytes and loaded replay files are this node's alone; all else that is shown is gathered from all.";

/** Nothing where the log is shared with nobody. */
export function NodesButton() {
  const node = useShared((shared) => shared.health?.node);
  return node ? html`<${Beating} node=${node} />` : null;
}

function Beating({ node }) {
  useEffect(beating, []);
  const bad = !node.is_sure || node.warnings.length > 0 || !areAllHeld(node);
  return html`<button type="button" class=${`quiet-button nodes${bad ? " bad" : ""}`} onClick=${() => go({ open: "nodes:all" })}>
    ${counted(node.peers.length + 1, "node")}
  </button>`;
}

export function NodesPanel() {
  const node = useShared((shared) => shared.health?.node);
  const gone = useShared((shared) => shared.goneNodes);
  if (!node) return html`<${Panel} title="Nodes"><p class="quiet">This server shares its log with no other.</p></${Panel}>`;
  return html`<${Panel} title=${counted(node.peers.length + 1, "node")}>
    <p>${OWN}</p>
    ${!node.is_sure && html`<p class="bad" role="alert">This node's lease has run out: Redis is not heard of.</p>`}
    ${node.warnings.map((text) => html`<p class="bad" key=${text}>${text}</p>`)}
    ${!areAllHeld(node) && html`<p class="bad">Some slots are no node's yet: their keys have to wait.</p>`}
    <h3>${node.name} <span class="quiet">this one</span></h3>
    <${Facts} of=${{ ...told(node), "Redis answers in": `${node.lag_ms} ms`, "Passed on": count(node.passed_on) }} />
    ${node.peers.map((one) => html`<div key=${one.name}><h3>${one.name}</h3><${Facts} of=${told(one)} /></div>`)}
    ${Object.entries(gone).map(([name, ms]) => html`<div key=${name}>
      <h3>${name}</h3><p class="quiet">Not heard of since <${Time} ms=${ms} /></p>
    </div>`)}
  </${Panel}>`;
}

function told(one) {
  return {
    Address: one.url,
    Slots: `${count(one.slots)} of ${count(SLOTS)}`,
    Worlds: count(one.worlds),
    Since: html`<${Time} ms=${one.started_ms} />`,
    Version: one.version,
  };
}
