// Uploaded files.

import { html, useState } from "../vendor/htm-preact.js";
import { get } from "../core/api.js";
import { bytes, duration } from "../core/format.js";
import { useNow } from "../core/hooks.js";
import { Key, Line, Time, Toolbar } from "../parts/basic.js";
import { PagedGrid } from "../parts/grid.js";

export function FilesView({ route }) {
  const nowMs = useNow(1_000);
  const [total, setTotal] = useState();
  const load = async (offset, limit, signal) => {
    const found = await get("files", { key: route.key, offset, limit }, signal);
    setTotal(found.total);
    return { total: found.total, rows: found.files };
  };
  const columns = [
    { name: "at", title: "Uploaded", width: "92px", cell: (one) => html`<${Time} ms=${one.uploaded_ms} />` },
    { name: "name", title: "Name", width: "140px", grow: 2, cell: (one) => html`<${Line} text=${one.name} />` },
    {
      name: "original",
      title: "As it was called",
      width: "120px",
      grow: 1,
      narrow: "wide-only",
      cell: (one) => html`<${Line} text=${one.original_name} />`,
    },
    { name: "type", title: "Type", width: "100px", cell: (one) => one.mime_type },
    { name: "size", title: "Size", width: "84px", align: "number", cell: (one) => bytes(one.size) },
    {
      name: "links",
      title: "Links",
      width: "130px",
      narrow: "wide-only",
      cell: (one) =>
        one.expires_ms <= nowMs
          ? html`<span class="bad">expired</span>`
          : html`<span class="quiet">${duration(one.expires_ms - nowMs)} left</span>`,
    },
    {
      name: "key",
      title: "Key",
      width: "108px",
      narrow: "wide-only",
      cell: (one) => html`<${Key} tenant=${one.tenant} />`,
    },
  ];
  return html`<section class="view">
    <${Toolbar} title="Files" total=${total} />
    <${PagedGrid}
      label="Files"
      columns=${columns}
      load=${load}
      deps=${[route.key]}
      topics=${["files"]}
      rowKey=${(one) => one.id}
      empty="No upload yet. The files API answers on this address too: POST /api/v1/files/upload/base64, …/stream, …/url."
    />
  </section>`;
}
