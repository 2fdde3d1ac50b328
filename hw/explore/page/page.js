// The page's own script: one filter for the pictures and the table, and a table that sorts.
const rows = JSON.parse(document.getElementById("rows").textContent);
const specs = JSON.parse(document.getElementById("specs").textContent);
const number = digits => value => value.toLocaleString("en", { maximumFractionDigits: digits });
const percent = value => (100 * value).toLocaleString("en", { maximumSignificantDigits: 3 }) + " %";
const columns = [
  ["engine", "engine"], ["target", "target"], ["size", "area", number(0)], ["lut4_eq", "LUT4-eq", number(0)],
  ["ff", "FF", number(0)], ["dsp", "DSP", number(0)], ["bram", "BRAM", number(0)],
  ["pixels_per_cycle", "pixels a cycle", number(3)], ["fmax_mhz", "Fmax, MHz", number(1)],
  ["frames_per_second", "frames a second", number(0)], ["executed", "executed", percent],
  ["hit_rate", "hit rate", percent], ["energy_nj", "nJ a frame (proxy)", number(0)],
  ["switching_nj", "nJ of switching cells", number(0)],
];
const views = [];
let order = { name: "size", up: true };

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function chosen() {
  const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
  return rows.filter(row =>
    words.every(word => row.engine.toLowerCase().includes(word)) &&
    ["strategy", "target", "input_bits"].every(name => {
      const wanted = document.getElementById(name).value;
      return wanted === "" || String(row[name]) === wanted;
    }) && (row.front || !document.getElementById("front-only").checked));
}

function compare(a, b) {
  const [x, y] = [a[order.name], b[order.name]];
  if (x === y) return 0;
  if (x === null || x === undefined) return 1; // what is not known comes last, whatever the order
  if (y === null || y === undefined) return -1;
  return (x < y ? -1 : 1) * (order.up ? 1 : -1);
}

function copy(button, command) {
  navigator.clipboard?.writeText(command).then(() => { button.textContent = "copied"; }, () => prompt("command", command));
  if (!navigator.clipboard) prompt("command", command);
}

function line(row) {
  const cells = columns.map(([name, , shown]) => {
    const value = row[name];
    return element("td", { textContent: value === null || value === undefined ? "" : shown ? shown(value) : value });
  });
  const button = element("button", { type: "button", textContent: "copy", title: row.command });
  button.onclick = () => copy(button, row.command);
  const reason = element("td", { className: "reason", textContent: row.reason ?? "" });
  return element("tr", { className: row.front ? "front" : row.state === "measured" ? "" : "bad" },
    ...cells, element("td", {}, button), reason);
}

function show() {
  const left = chosen();
  document.getElementById("body").replaceChildren(...left.toSorted(compare).map(line));
  document.getElementById("shown").textContent = `${left.length} of ${rows.length} shown`;
  for (const th of document.querySelectorAll("th[data-name]")) {
    const now = th.dataset.name === order.name;
    th.setAttribute("aria-sort", now ? (order.up ? "ascending" : "descending") : "none");
    th.firstChild.textContent = th.dataset.title + (now ? (order.up ? " ▲" : " ▼") : "");
  }
  for (const { view, fits, figure } of views) {
    const fitting = left.filter(fits);
    figure.hidden = !fitting.length;
    if (fitting.length) view.data("rows", fitting).runAsync();
  }
}

for (const [name, title] of columns) {
  const button = element("button", { type: "button", textContent: title });
  const th = element("th", { scope: "col" }, button);
  Object.assign(th.dataset, { name, title });
  button.onclick = () => { order = { name, up: order.name === name ? !order.up : true }; show(); };
  document.getElementById("head").append(th);
}
for (const title of ["command", "why not"]) document.getElementById("head").append(element("th", { scope: "col", textContent: title }));
for (const name of ["strategy", "target", "input_bits"]) {
  const select = document.getElementById(name);
  const values = [...new Set(rows.map(row => row[name]))].filter(value => value !== null && value !== undefined);
  for (const value of values.sort()) select.append(element("option", { value, textContent: value }));
  select.parentElement.hidden = values.length < 2;
}
// Areas of unlike targets have unlike units: the page opens with the target of its first row.
if (new Set(rows.map(row => row.target)).size > 1) document.getElementById("target").value = rows[0].target;
const text = document.getElementById("text");
document.getElementById("filter").addEventListener("input", show);
document.getElementById("filter").addEventListener("submit", event => event.preventDefault());

const needs = { front: ["size", "pixels_per_cycle"], reuse: ["entries", "executed"], energy: ["pixels_per_cycle", "energy_nj"] };
for (const [name, spec] of Object.entries(specs)) {
  const fits = row => row.state === "measured" && needs[name].every(field => row[field] !== null && row[field] !== undefined && row[field] > 0);
  spec.datasets = { rows: rows.filter(fits) };
  if (!spec.datasets.rows.length) {
    document.getElementById(name).parentElement.remove();
    continue;
  }
  const { view } = await vegaEmbed(`#${name}`, spec, { actions: false, renderer: "svg" });
  views.push({ view, fits, figure: document.getElementById(name).parentElement });
}
show();
document.body.dataset.ready = "yes";
