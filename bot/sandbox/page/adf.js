// Atlassian Document Format to DOM.
import { el } from "./dom.js";
import { link } from "./mrkdwn.js";

const MARKS = {
  strong: (node) => el("b", {}, node),
  em: (node) => el("i", {}, node),
  code: (node) => el("code", {}, node),
  strike: (node) => el("s", {}, node),
  underline: (node) => el("u", {}, node),
  link: (node, mark) => link(mark.attrs?.href ?? "", node),
};

const NODES = {
  doc: (inner) => el("div", { class: "adf" }, inner),
  paragraph: (inner) => el("p", {}, inner),
  heading: (inner, node) => el(`h${Math.min(6, (node.attrs?.level ?? 3) + 2)}`, {}, inner),
  bulletList: (inner) => el("ul", {}, inner),
  orderedList: (inner) => el("ol", {}, inner),
  listItem: (inner) => el("li", {}, inner),
  codeBlock: (inner) => el("pre", {}, inner),
  blockquote: (inner) => el("blockquote", {}, inner),
  panel: (inner, node) => el("div", { class: `panel ${node.attrs?.panelType ?? "info"}` }, inner),
  expand: (inner, node) => el("details", {}, el("summary", {}, node.attrs?.title ?? "More"), inner),
  rule: () => el("hr"),
  hardBreak: () => el("br"),
  table: (inner) => el("table", {}, el("tbody", {}, inner)),
  tableRow: (inner) => el("tr", {}, inner),
  tableCell: (inner) => el("td", {}, inner),
  tableHeader: (inner) => el("th", {}, inner),
  mention: (inner, node) => el("span", { class: "mention" }, node.attrs?.text ?? "@someone"),
  emoji: (inner, node) => document.createTextNode(node.attrs?.text ?? node.attrs?.shortName ?? ""),
  status: (inner, node) => el("span", { class: "pill" }, node.attrs?.text ?? ""),
  date: (inner, node) => el("time", {}, new Date(Number(node.attrs?.timestamp)).toLocaleDateString()),
  inlineCard: (inner, node) => link(node.attrs?.url ?? "", node.attrs?.url ?? ""),
};

export function adf(node) {
  if (!node) return document.createTextNode("");
  if (node.type === "text") return (node.marks ?? []).reduce((inner, mark) => MARKS[mark.type]?.(inner, mark) ?? inner, document.createTextNode(node.text));
  const inner = (node.content ?? []).map(adf);
  return NODES[node.type]?.(inner, node) ?? el("div", {}, inner);
}
