// Scenarios: what is in force, what lies ready, and a text that is checked while it is written.

import { html, useEffect, useState } from "../vendor/htm-preact.js";
import { call, get } from "../core/api.js";
import { counted, keyName } from "../core/format.js";
import { useLive, useSettled } from "../core/hooks.js";
import { notice, touch } from "../core/store.js";
import { Act, Toolbar } from "../parts/basic.js";

const BLANK = `name: my-scenario
description: What it does, in a sentence.
rules:
  - when: {operation: submission}
    times: 1
    then: {answer: {status: 429, retry_after: 3}}
`;

let kept = BLANK; // what was written last, while one looks at other views

export function ScenariosView({ route }) {
  const { data } = useLive((signal) => get("scenarios", { key: route.key }, signal), [route.key], [
    "scenarios",
    "requests", // each may have met a rule
  ]);
  const [ready, setReady] = useState([]);
  const [text, setText] = useState(kept);
  useEffect(() => {
    kept = text;
  }, [text]);
  useEffect(() => {
    get("scenarios/ready").then(
      (told) => setReady(told.scenarios),
      (error) => notice(error.message, "bad"),
    );
  }, []);
  const inForce = data?.scenarios ?? [];
  const names = new Set(inForce.map((one) => one.name));
  const offer = ready.filter((one) => !names.has(one.name));
  const whose = route.key ? `for ${keyName(route.key)}` : "for every key";
  return html`<section class="view scrolls">
    <${Toolbar} title="Scenarios" total=${inForce.length} />
    <div class="columns">
      <div>
        <h2>In force</h2>
        ${inForce.length === 0 && html`<p class="quiet">None: everything goes its ordinary course.</p>`}
        <ul class="cards">
          ${inForce.map((one) => html`<${InForce} key=${`${one.tenant ?? ""}${one.own}${one.name}`} scenario=${one} route=${route} edit=${setText} />`)}
        </ul>
        <h2>Ready to switch on</h2>
        <ul class="cards">
          ${offer.map((one) => html`<${Ready} key=${one.name} scenario=${one} route=${route} whose=${whose} edit=${setText} />`)}
        </ul>
      </div>
      <${Editor} text=${text} change=${setText} route=${route} whose=${whose} />
    </div>
  </section>`;
}

function InForce({ scenario, route, edit }) {
  const isOfAll = route.key ? scenario.own === false : !scenario.tenant;
  const owner = isOfAll ? null : (route.key ?? scenario.tenant);
  const off = () => call("DELETE", "scenarios", { params: { key: owner, name: scenario.name } });
  return html`<li class="card is-on">
    <div class="card-head">
      <strong>${scenario.name}</strong> <span class="quiet">${isOfAll ? "every key" : keyName(owner)}</span>
    </div>
    ${scenario.description && html`<p>${scenario.description}</p>`}
    ${scenario.hits?.length > 0 && html`<p class="quiet">${scenario.hits.map((hits, index) => html`<span class="hit" key=${index}>rule ${index + 1} met ${counted(hits, "time")}</span>`)}</p>`}
    <p class="acts">
      <${Act} label="Switch off" act=${off} done=${`${scenario.name} is off`} />
      <button type="button" onClick=${() => edit(scenario.text)}>Edit</button>
    </p>
  </li>`;
}

function Ready({ scenario, route, whose, edit }) {
  const on = async () => put(scenario.text, route);
  return html`<li class="card">
    <div class="card-head"><strong>${scenario.name}</strong></div>
    ${scenario.description && html`<p>${scenario.description}</p>`}
    <p class="acts">
      <${Act}
        label="Switch on"
        title=${`In force ${whose}`}
        act=${on}
        done=${`${scenario.name} is in force ${whose}`}
      />
      <button type="button" onClick=${() => edit(scenario.text)}>Edit</button>
    </p>
  </li>`;
}

async function put(text, route) {
  const read = await call("POST", "scenarios/read", { body: { text } });
  if (read.problems.length) throw new Error(`Line ${read.problems[0].line}: ${read.problems[0].message}`);
  const told = await call("POST", "scenarios", { params: { key: route.key }, body: read.scenario });
  touch(["scenarios"]);
  return told;
}

function Editor({ text, change, route, whose }) {
  const settled = useSettled(text, 250);
  const [problems, setProblems] = useState([]);
  useEffect(() => {
    let left = false;
    call("POST", "scenarios/read", { body: { text: settled } }).then(
      (told) => left || setProblems(told.problems),
      (error) => left || setProblems([{ line: 1, column: 1, message: error.message }]),
    );
    return () => {
      left = true;
    };
  }, [settled]);
  const problem = problems[0];
  const lines = text.split("\n").length;
  return html`<div class="editor">
    <h2><label for="scenario-text">Write one</label></h2>
    <div class=${`editor-text${problem ? " is-wrong" : ""}`}>
      <pre class="gutter" aria-hidden="true">
${Array.from({ length: lines }, (_, index) => html`<span key=${index} class=${problem?.line === index + 1 ? "wrong" : ""}>${index + 1} </span>`)}</pre>
      <textarea
        spellcheck=${false}
        wrap="off"
        rows=${Math.max(14, lines + 1)}
        id="scenario-text"
        aria-invalid=${problem ? "true" : "false"}
        aria-describedby="editor-problem"
        value=${text}
        onInput=${(event) => change(event.target.value)}
      ></textarea>
    </div>
    <p id="editor-problem" role="status" class=${problem ? "bad problem" : "good"}>
      ${problem ? html`<b>Line ${problem.line}</b> ${problem.message}` : "✓ A valid scenario"}
    </p>
    <p class="acts">
      <${Act}
        label=${`Put in force ${whose}`}
        kind="primary"
        disabled=${Boolean(problem)}
        act=${() => put(text, route)}
        done=${(told) => `${told.name} is in force ${whose}`}
      />
    </p>
    <p class="quiet">
      The first rule that a request meets decides. <code>operation</code>: submission, query, result, list, upload,
      cancel. <code>then</code>: fail, seconds, queue_seconds, answer, fault, link_seconds, callback.
    </p>
  </div>`;
}
