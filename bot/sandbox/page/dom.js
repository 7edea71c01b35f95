// Building blocks of the page: elements whose text is always text, and times. Never uses innerHTML.

/** el("button", {class: "x", onclick: f, title: "…"}, child, "text", null) */
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "style") for (const [key, content] of Object.entries(value)) node.style.setProperty(key, content);
    else if (name in node && typeof value !== "string") node[name] = value;
    else node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const byId = (id) => document.getElementById(id);

export function clock(at) {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

export const seconds = (ts) => Number(ts) * 1000;

/** Keep focus, the caret and typed values while a part of the page is drawn anew. Fields carry data-key. */
export function redraw(holder, draw) {
  const active = holder.contains(document.activeElement) ? document.activeElement : null;
  const key = active?.dataset.key;
  const caret = active && "selectionStart" in active ? [active.selectionStart, active.selectionEnd] : null;
  const typed = new Map();
  const opened = new Map();
  for (const field of holder.querySelectorAll("[data-field]")) typed.set(field.dataset.key, field);
  for (const box of holder.querySelectorAll("details[data-toggled]")) opened.set(box.dataset.key, box.open);
  draw();
  for (const field of holder.querySelectorAll("[data-field]")) {
    const before = typed.get(field.dataset.key);
    if (!before) continue;
    if (field.type === "checkbox" || field.type === "radio") field.checked = before.checked;
    else if (before.dataset.touched) field.value = before.value, field.dataset.touched = "1";
  }
  for (const box of holder.querySelectorAll("details[data-key]")) if (opened.has(box.dataset.key)) {
    box.open = opened.get(box.dataset.key);
    box.dataset.toggled = "1";
  }
  if (!key) return;
  const again = holder.querySelector(`[data-key="${CSS.escape(key)}"]`);
  if (!again) return;
  again.focus({ preventScroll: true });
  if (caret && again.setSelectionRange && caret[0] !== null) again.setSelectionRange(...caret);
}

export function toast(text, kind = "") {
  const note = el("div", { class: `toast ${kind}` }, text);
  byId("toasts").append(note);
  setTimeout(() => note.classList.add("gone"), kind === "bad" ? 7000 : 4200);
  setTimeout(() => note.remove(), kind === "bad" ? 7400 : 4600);
}

const ICONS = {
  eye: "M1.5 8s2.4-4.5 6.5-4.5S14.5 8 14.5 8 12.1 12.5 8 12.5 1.5 8 1.5 8ZM8 10a2 2 0 1 0 0-4 2 2 0 0 0 0 4Z",
  reply: "M2.5 3.5h11v7h-6l-3 2.5v-2.5h-2z",
  home: "M2.5 7.5 8 2.8l5.5 4.7M4 6.8v6.4h8V6.8",
  send: "M2.5 13.5 14 8 2.5 2.5 4 8zM4 8h5",
  warn: "M8 2.2 14.6 13.5H1.4zM8 6.4v3.4M8 11.3v.6",
};

export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("class", "glyph");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}
