// One key: what it may do, what it has, what moves its clock.

import { html, useState } from "../vendor/htm-preact.js";
import { call, get, segment } from "../core/api.js";
import { credits, keyName } from "../core/format.js";
import { useLive } from "../core/hooks.js";
import { go } from "../core/route.js";
import { touch } from "../core/store.js";
import { Act, Facts, Field } from "../parts/basic.js";
import { changes } from "./account-form.js";
import { Panel } from "./panel.js";

export function AccountPanel({ tenant }) {
  const { data, error } = useLive((signal) => get("ledger", { key: tenant }, signal), [tenant], ["accounts", "ledger"]);
  const book = data?.accounts[0];
  return html`<${Panel} title=${`Key ${keyName(tenant)}`} error=${!book && error}>
    ${
      book &&
      html` <${Facts}
          of=${{ Available: credits(book.user.available), Reserved: credits(book.user.reserved), Charged: credits(book.user.charged), "Its own limit": book.token && `${credits(book.token.available)} left`, Name: book.tenant }}
        />
        <p class="acts">
          ${["timeline", "tasks", "requests", "ledger"].map((view) => html`<button type="button" key=${view} onClick=${() => go({ view, key: tenant, open: null })}>Its ${view}</button>`)}
        </p>
        <${Form} book=${book} tenant=${tenant} key=${tenant} />
        <h3>Begin again</h3>
        <p class="acts">
          <${Act}
            label="Forget all of this key"
            kind="danger"
            act=${() => call("POST", "reset", { body: { key: tenant } })}
            done="Forgotten"
          />
        </p>`
    }
  </${Panel}>`;
}

function Form({ book, tenant }) {
  const account = book.account;
  const [form, setForm] = useState({});
  const value = (name, now) => form[name] ?? now ?? "";
  const write = (name) => (event) => setForm({ ...form, [name]: event.target.value });
  const save = async () => {
    await call("PUT", `accounts/${segment(tenant)}`, { body: changes(form) });
    setForm({});
    touch(["accounts", "ledger"]);
  };
  const text = (name, now) => html`<input name=${name} value=${value(name, now)} onInput=${write(name)} />`;
  return html`<h3>Change</h3>
    <div class="form">
      <${Field} label="Credits available">${text("credits", book.user.available / 10_000)}</${Field}>
      <${Field} label="Limit of the key itself" hint="empty: none">${text("token_credits", book.token ? book.token.available / 10_000 : "")}</${Field}>
      <${Field} label="Requests a minute" hint="empty: no limit">${text("requests_per_minute", account.requests_per_minute)}</${Field}>
      <${Field} label="Tasks at a time" hint="empty: no limit">${text("concurrent_tasks", account.concurrent_tasks)}</${Field}>
      <${Field} label="Files at a time" hint="empty: as documented">${text("max_files", account.max_files)}</${Field}>
      <${Field} label="User group">${text("user_group", account.user_group)}</${Field}>
      <${Field} label="Models" hint="with commas; empty: all">${text("models", account.models?.join(", "))}</${Field}>
      <${Field} label="State"><select name="state" value=${value("state", account.state)} onChange=${write("state")}>
        <option value="active">active</option><option value="expired">expired: answered 401</option></select></${Field}>
    </div>
    <p class="acts"><${Act} label="Save" kind="primary" disabled=${Object.keys(form).length === 0} act=${save} done="Saved" /></p>`;
}
