// Where the server asks for its control token.

import { html, useState } from "../vendor/htm-preact.js";
import { get, remember } from "../core/api.js";

export function Login({ entered }) {
  const [token, setToken] = useState("");
  const [wrong, setWrong] = useState("");
  const submit = async (event) => {
    event.preventDefault();
    remember(token);
    try {
      await get("health");
      entered();
    } catch (error) {
      remember(null);
      setWrong(error.status === 401 ? "That is not the token." : error.message);
    }
  };
  return html`<main class="login">
    <form onSubmit=${submit}>
      <h1>evolink-mock</h1>
      <p>
        This server asks for its control token: what it was started with as
        ${" "}<code>--control-token</code> or <code>MOCKSERVER_SERVE_CONTROL_TOKEN</code>.
      </p>
      <label class="field"
        ><span>Control token</span
        ><input
          type="password"
          autocomplete="off"
          autofocus
          value=${token}
          onInput=${(event) => setToken(event.target.value)}
      /></label>
      ${wrong && html`<p class="bad" role="alert">${wrong}</p>`}
      <button type="submit" class="primary" disabled=${!token}>Open</button>
      <p class="quiet">It stays in this tab until it is closed, and in no address.</p>
    </form>
  </main>`;
}
