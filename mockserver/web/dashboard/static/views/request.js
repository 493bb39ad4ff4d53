// One exchange: what came, what was answered, and where it was refused, why.

import { html } from "../vendor/htm-preact.js";
import { ask, base } from "../core/api.js";
import { curl } from "../core/curl.js";
import { read } from "../core/exact.js";
import { keyName, tail } from "../core/format.js";
import { useLive } from "../core/hooks.js";
import { go } from "../core/route.js";
import { Code, Copy, Day, Facts, Line, Status } from "../parts/basic.js";
import { Panel } from "./panel.js";

export function RequestPanel({ sequence }) {
  const { data: one, error } = useLive(
    async (signal) => read(await (await ask("GET", `requests/${encodeURIComponent(sequence)}`, { signal })).text()),
    [sequence],
    ["hints"],
  );
  return html`<${Panel} title=${`Request ${sequence}`} error=${!one && error}>${
    one &&
    html` <p class="id-line">
        <span class="method">${one.method}</span> <code>${one.path}${one.query ? `?${one.query}` : ""}</code>
        <${Status} status=${one.status} />
      </p>
      <${Reason} request=${one} />
      ${hints(one).map((text, index) => html`<p class="hint" key=${index}>${text}</p>`)}
      <p class="acts">
        <${Copy} text=${() => curl(one, base())} label="Copy as curl" />
        ${one.task_id && html`<button type="button" onClick=${() => go({ open: `task:${one.task_id}` })}>Task ${tail(one.task_id)}</button>`}
      </p>
      <h3>Received</h3>
      <${Code} value=${one.body} label="Body received" />
      ${one.body_truncated && html`<p class="quiet">The journal kept the beginning of it.</p>`}
      <${Headers} of=${one.headers} />
      <h3>Answered</h3>
      ${one.fault && html`<p class="bad">Broken on purpose: ${one.fault}</p>`}
      <${Code} value=${one.answer} label="Body answered" />
      <${Headers} of=${one.answer_headers} />
      <h3>Facts</h3>
      <${Facts}
        of=${{ Time: html`<${Day} ms=${one.at_ms} />`, "On the machine's clock": html`<${Day} ms=${one.real_ms} />`, Key: one.tenant && keyName(one.tenant), "Request id": one.request_id }}
      />
      <details>
        <summary>As curl</summary>
        <${Code} value=${curl(one, base())} label="As curl" />
      </details>`
  }</${Panel}>`;
}

/** Received and allowed side by side, with the document's sentence; or whatever the answer said. */
function Reason({ request }) {
  const { reason } = request;
  if (!reason) {
    const said = request.status >= 400 && (request.answer?.error?.message ?? request.answer?.msg);
    return said ? html`<p class="why-refused bad">${said}</p>` : null;
  }
  return html`<div class="reason" role="group" aria-label="Why it was refused">
    <p class="reason-field"><code>${reason.field}</code></p>
    <div class="sides">
      <div class="side received"><small>Received</small><${Line} text=${reason.received} limit=${300} /></div>
      <div class="side allowed"><small>Allowed</small><span>${reason.allowed}</span></div>
    </div>
    ${
      reason.sentence &&
      html`<blockquote>
        ${reason.sentence}
        <footer class="quiet">
          ${reason.document}${reason.evidence && html` · <span class="evidence">${reason.evidence}</span>`}
        </footer>
      </blockquote>`
    }
  </div>`;
}

function hints(request) {
  const told = request.hints ?? (request.hint ? [request.hint] : []);
  return told.map((one) => (typeof one === "string" ? one : (one.text ?? one.message ?? JSON.stringify(one))));
}

function Headers({ of }) {
  const entries = Object.entries(of ?? {});
  return html`<details>
    <summary>${entries.length} headers</summary>
    <table class="small-table headers">
      <tbody>
        ${entries.map(
          ([name, value]) =>
            html`<tr key=${name}>
              <th scope="row">${name}</th>
              <td>${String(value)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </details>`;
}
