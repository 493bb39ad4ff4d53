// One task: what became of it and why, its life step by step, and the levers to end it.

import { html, useMemo, useState } from "../vendor/htm-preact.js";
import { call, get, segment } from "../core/api.js";
import { credits, duration, keyName, tail } from "../core/format.js";
import { useLive, useNow, useShared } from "../core/hooks.js";
import { go } from "../core/route.js";
import { touch } from "../core/store.js";
import { story, why } from "../core/why.js";
import { Act, Copy, Day, Facts, Line, State, Time } from "../parts/basic.js";
import { Attempts, SendAgain } from "./callbacks.js";
import { HintsOfTask } from "./hints.js";
import { Panel } from "./panel.js";

export function TaskPanel({ id }) {
  const { data: task, error } = useLive((signal) => get(`tasks/${segment(id)}`, {}, signal), [id], ["tasks"]);
  const { data: journal } = useLive(
    (signal) => get("requests", { task_id: id, summary: true, limit: 1_000 }, signal),
    [id],
    ["requests"],
  );
  return html`<${Panel} title=${`Task ${tail(id)}`} error=${(!task || error?.status === 404) && error}>${task && html`<${TaskBody} task=${task} requests=${journal?.requests ?? []} isLive=${true} />`}</${Panel}>`;
}

/** The same out of a replay file: nothing to steer, no journal. */
export function ReplayedTask({ task, nowMs }) {
  return html`<${Panel} title=${`Task ${tail(task.id)}`}><${TaskBody} task=${task} requests=${[]} at=${nowMs} /></${Panel}>`;
}

function TaskBody({ task, requests, isLive, at }) {
  const live = useNow(250);
  const nowMs = at ?? live;
  const clock = useShared((shared) => shared.clock);
  const steps = useMemo(() => story(task, requests, nowMs), [task, requests]);
  const submission = requests.find((one) => one.method === "POST");
  return html` <p class="id-line"><code>${task.id}</code> <${Copy} text=${() => task.id} /></p>
    <ul class="why" aria-label="What became of it">
      ${why(task, nowMs, isLive ? clock : null).map((one, index) => html`<li key=${index} class=${one.kind}>${one.text}</li>`)}
    </ul>
    ${isLive && html`<${HintsOfTask} id=${task.id} />`}
    ${task.failure_message && html`<p class="quiet">“${task.failure_message}”</p>`}
    ${isLive && task.ended_ms === undefined && html`<${Levers} task=${task} />`}
    <h3>Life</h3>
    <ol class="story">
      ${steps.map((one, index) => html`<${Step} key=${index} step=${one} since=${task.submitted_ms} />`)}
    </ol>
    ${
      task.callbacks?.length > 0 &&
      html`<h3>Callback</h3>
        ${task.callbacks.map((one) => html`<${Delivery} key=${one.id} delivery=${one} isLive=${isLive} />`)}`
    }
    <h3>Facts</h3>
    <${Facts}
      of=${{
        State: html`<${State} state=${task.state} />`,
        Model: task.model,
        Submitted: html`<${Day} ms=${task.submitted_ms} />`,
        Credits: credits(task.reserved_uc),
        Key: html`<button type="button" class="link" onClick=${() => go({ open: `key:${task.tenant}` })}>
          ${keyName(task.tenant)}
        </button>`,
        "Callback URL": task.callback_url && html`<${Line} text=${task.callback_url} limit=${400} />`,
        "Made so by": task.effect && html`<code>${JSON.stringify(task.effect)}</code>`,
        Submission:
          submission &&
          html`<button type="button" class="link" onClick=${() => go({ open: `request:${submission.sequence}` })}>
            request ${submission.sequence}
          </button>`,
      }}
    />`;
}

function Step({ step, since }) {
  const text = html`<span class="step-at" title=${String(step.at_ms)}>+${duration(step.at_ms - since)}</span
    ><span class=${`step-dot step-${step.kind}`}></span>
    <span class=${step.bad ? "bad" : ""}
      >${step.text}${step.planned ? html` <span class="quiet">(to come)</span>` : ""}</span
    >`;
  return html`<li class=${step.planned ? "is-planned" : ""}>
    ${
      step.request
        ? html`<button type="button" class="step" onClick=${() => go({ open: `request:${step.request}` })}>
            ${text}
          </button>`
        : html`<span class="step">${text}</span>`
    }
  </li>`;
}

function Delivery({ delivery, isLive }) {
  return html`<div class="delivery">
    <p>
      <${State} state=${delivery.state} />
      <${Attempts} of=${delivery} /> ${isLive && html`<${SendAgain} delivery=${delivery} />`}
    </p>
    <p class="url">POST <${Line} text=${delivery.url} limit=${400} /></p>
    <table class="small-table">
      <thead>
        <tr>
          <th>Attempt</th>
          <th>Sent</th>
          <th>Answer</th>
          <th>After</th>
        </tr>
      </thead>
      <tbody>
        ${delivery.attempts.map(
          (one) =>
            html`<tr key=${one.number}>
              <td>${one.number}</td>
              <td><${Time} ms=${one.at_ms} millis=${true} /></td>
              <td>${one.status ?? one.error ?? "…"}</td>
              <td>${one.ended_ms === undefined ? "" : duration(one.ended_ms - one.at_ms)}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

const CODES = [
  "service_error",
  "content_policy_violation",
  "invalid_parameters",
  "generation_timeout",
  "resource_exhausted",
  "generation_failed_no_content",
  "image_processing_error",
  "unknown_error",
];

function Levers({ task }) {
  const [code, setCode] = useState(CODES[0]);
  const steer = (how, body) => async () => {
    await call("POST", `tasks/${segment(task.id)}/${how}`, { body });
    touch(["tasks", "callbacks"]);
  };
  return html`<div class="levers" role="group" aria-label="End it now">
    <${Act} label="Complete" kind="primary" act=${steer("complete")} done="Completed" />
    <span class="joined"
      ><${Act} label="Fail with" act=${steer("fail", { code })} done=${`Failed with ${code}`} />
      <input list="codes" aria-label="Failure code" value=${code} onInput=${(event) => setCode(event.target.value)}
    /></span>
    <datalist id="codes">${CODES.map((one) => html`<option key=${one} value=${one}></option>`)}</datalist>
    <${Act} label="Cancel" act=${steer("cancel")} done="Cancelled" />
  </div>`;
}
