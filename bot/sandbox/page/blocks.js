// Block Kit to DOM. `context`: {names, act(block, element, value, node), confirm(object) -> Promise<boolean>}.
import { el } from "./dom.js";
import { EMOJI } from "./emoji.js";
import { fieldFor } from "./fields.js";
import { drawn } from "./marks.js";
import { dateText, link, mention, mrkdwn, textObject } from "./mrkdwn.js";

export function renderBlocks(blocks, context) {
  return (blocks ?? []).map((block, index) => {
    const draw = BLOCKS[block.type];
    const node = draw ? draw(block, context) : el("div", { class: "unknown" }, `${block.type} block`);
    node.classList.add("block", `b-${block.type}`);
    node.dataset.block = block.block_id ?? index;
    return node;
  });
}

const text = (object, context) => textObject(object, context.names);

const BLOCKS = {
  header: (block, context) => el("h3", {}, ...text(block.text, context)),
  divider: () => el("hr", {}),
  section: (block, context) =>
    el(
      "div",
      { class: block.accessory ? "with-accessory" : "" },
      el(
        "div",
        { class: "section-main" },
        block.text && el("div", { class: "section-text" }, ...text(block.text, context)),
        block.fields && el("div", { class: "fields" }, block.fields.map((field) => el("div", {}, ...text(field, context)))),
      ),
      block.accessory && el("div", { class: "accessory" }, element(block, block.accessory, context)),
    ),
  context: (block, context) =>
    el("div", {}, block.elements.map((item) => (item.type === "image" ? picture(item, true) : el("span", {}, ...text(item, context))))),
  actions: (block, context) => el("div", {}, block.elements.map((item) => element(block, item, context))),
  context_actions: (block, context) => el("div", {}, (block.elements ?? []).map((item) => element(block, item, context))),
  image: (block, context) => el("figure", {}, block.title && el("figcaption", {}, ...text(block.title, context)), picture(block, false)),
  input: (block, context) =>
    el(
      "div",
      {},
      el("label", { class: "input-label", for: fieldId(block, block.element) }, ...text(block.label, context), block.optional && el("span", { class: "muted" }, " (optional)")),
      element(block, block.element, context),
      block.hint && el("div", { class: "hint" }, ...text(block.hint, context)),
      el("div", { class: "input-error", role: "alert", hidden: true }),
    ),
  rich_text: (block, context) => el("div", {}, block.elements.map((part) => richPart(part, context))),
  markdown: (block, context) => el("div", {}, ...mrkdwn(block.text, context.names)),
  table: (block, context) =>
    el("table", {}, el("tbody", {}, (block.rows ?? []).map((row) => el("tr", {}, row.map((cell) => el("td", {}, cell.type === "rich_text" ? renderBlocks([cell], context) : cell.text ?? "")))))),
};

export const fieldId = (block, item) => `f-${block.block_id}-${item.action_id}`.replace(/[^\w-]/g, "_");

// No picture is fetched: the sandbox shows what the picture says.
const picture = (item, small) => el("span", { class: small ? "picture small" : "picture", role: "img", "aria-label": item.alt_text }, item.alt_text);

function element(block, item, context) {
  if (item.type === "image") return picture(item, false);
  if (item.type === "button" || item.type === "workflow_button") return button(block, item, context);
  if (item.type === "overflow") return overflow(block, item, context);
  const node = fieldFor(block, item, context, fieldId(block, item));
  return node ?? el("span", { class: "unknown" }, item.type);
}

function button(block, item, context) {
  const attributes = {
    type: "button",
    class: `btn ${item.style ?? ""}`,
    "data-key": `button/${item.action_id}/${item.value ?? ""}`,
    "data-action": item.action_id,
    "aria-label": item.accessibility_label,
  };
  const node = el("button", attributes, ...text(item.text, context));
  node.addEventListener("click", async () => {
    if (node.classList.contains("busy")) return;
    if (item.confirm && !(await context.confirm(item.confirm))) return;
    if (item.url && /^https?:/i.test(item.url)) window.open(item.url, "_blank", "noopener");
    context.act(block, item, item.value ?? null, node);
  });
  return node;
}

function overflow(block, item, context) {
  const choose = (option) => async () => {
    box.open = false;
    if (item.confirm && !(await context.confirm(item.confirm))) return;
    context.act(block, item, option.value, box.firstChild);
  };
  const box = el(
    "details",
    { class: "overflow" },
    el("summary", { class: "btn", "aria-label": "More actions", "data-key": `${block.block_id}/${item.action_id}` }, "⋯"),
    el("div", { class: "menu" }, item.options.map((option) => el("button", { type: "button", onclick: choose(option) }, ...text(option.text, context)))),
  );
  return box;
}

function styled(node, style = {}) {
  if (style.code) node = el("code", {}, node);
  if (style.bold) node = el("b", {}, node);
  if (style.italic) node = el("i", {}, node);
  if (style.strike) node = el("s", {}, node);
  return node;
}

function leaf(item, context) {
  const draw = {
    text: () => styled(el("span", {}, ...drawn(item.text)), item.style),
    link: () => styled(link(item.url, item.text ?? item.url), item.style),
    user: () => mention("@", item.user_id, undefined, context.names),
    channel: () => mention("#", item.channel_id, undefined, context.names),
    usergroup: () => el("span", { class: "mention" }, `@${context.names.usergroups.get(item.usergroup_id)?.handle ?? item.usergroup_id}`),
    broadcast: () => el("span", { class: "mention loud" }, `@${item.range}`),
    emoji: () => el("span", {}, ...drawn(EMOJI[item.name] ?? `:${item.name}:`)),
    date: () => el("time", {}, dateText(item.timestamp, item.format ?? "{date_num} {time}") ?? item.fallback ?? ""),
    color: () => el("code", {}, item.value ?? ""),
  }[item.type];
  return draw ? draw() : document.createTextNode("");
}

function richPart(part, context) {
  const leaves = () => part.elements.map((item) => leaf(item, context));
  switch (part.type) {
    case "rich_text_preformatted":
      return el("pre", {}, leaves());
    case "rich_text_quote":
      return el("blockquote", { class: "pre-wrap" }, leaves());
    case "rich_text_list": {
      const items = part.elements.map((item) => el("li", {}, richPart(item, context)));
      const list = el(part.style === "ordered" ? "ol" : "ul", { class: `indent-${part.indent ?? 0}` }, items);
      if (part.style === "ordered" && part.offset) list.start = part.offset + 1;
      return list;
    }
    default:
      return el("div", { class: "pre-wrap" }, leaves());
  }
}
