// One message: drawing it, and replacing just it when it was edited.
import { renderBlocks } from "./blocks.js";
import { askConfirm } from "./modal.js";
import { clock, el, icon, redraw, seconds } from "./dom.js";
import { EMOJI } from "./emoji.js";
import { valuesIn } from "./fields.js";
import { act } from "./live.js";
import { drawn } from "./marks.js";
import { mrkdwn } from "./mrkdwn.js";
import { keyOf, names, replies, store } from "./store.js";

export const initials = (name) => name.split(/\s+/).map((word) => word[0]).slice(0, 2).join("").toUpperCase();

export function avatar(user, size = "") {
  return el("span", { class: `avatar ${size} ${user.is_bot ? "bot" : ""}`, style: { "--colour": user.colour }, "aria-hidden": "true" }, initials(user.real_name ?? "?"));
}

/** hooks: {openThread(ts)}; place: "room" or "thread". */
export function drawMessage(message, place, hooks) {
  const node = el("article", { class: "message", "data-ts": message.ts, "data-user": message.user, "data-visible": message.visible_to || "" });
  fill(node, message, place, hooks);
  return node;
}

/** Draw a message again inside its own node: nothing around it moves, focus and typed text stay. */
export function fill(node, message, place, hooks) {
  node.className = `message ${message.visible_to ? "ephemeral" : ""} ${node.classList.contains("follows") ? "follows" : ""}`;
  redraw(node, () => node.replaceChildren(...parts(node, message, place, hooks)));
}

function parts(node, message, place, hooks) {
  const user = store.users.get(message.user) ?? { real_name: message.user, colour: "#777" };
  const at = new Date(seconds(message.ts));
  const context = {
    names,
    confirm: askConfirm,
    act: (block, element, value, button) => press(node, message, element, value, button),
  };
  const content = message.blocks?.length ? renderBlocks(message.blocks, context) : [el("div", { class: "block b-text" }, ...mrkdwn(message.text, names))];
  const attachments = (message.attachments ?? []).map((extra) =>
    el("div", { class: "attachment", style: extra.color ? { "--edge": extra.color.startsWith("#") ? extra.color : { good: "#2f9e6b", warning: "#d99a1c", danger: "#cf3f3f" }[extra.color] ?? `#${extra.color}` } : {} },
      extra.blocks?.length ? renderBlocks(extra.blocks, context) : mrkdwn(extra.text ?? extra.fallback ?? "", names)),
  );
  const shown = message.blocks?.length || !attachments.length || message.text ? content : [];
  const answered = place === "room" && !message.visible_to ? replies(message.channel, message.ts) : [];
  return [
    message.visible_to && el("div", { class: "only-you" }, icon("eye"), "Only visible to you"),
    el("div", { class: "gutter" }, avatar(user), el("time", { class: "small-time", datetime: at.toISOString() }, clock(at))),
    el(
      "div",
      { class: "body" },
      el("div", { class: "head" }, el("b", { class: "who" }, user.real_name), user.is_bot && el("span", { class: "badge" }, "APP"), el("time", { datetime: at.toISOString(), title: at.toLocaleString() }, clock(at))),
      message.broadcast && place === "room" && el("div", { class: "muted tiny" }, "replied to a thread"),
      el("div", { class: "content" }, shown, message.edited && el("span", { class: "edited", title: `Edited ${new Date(seconds(message.edited.ts)).toLocaleTimeString()}` }, "(edited)")),
      attachments,
      el("div", { class: "notice", role: "alert", hidden: true }),
      reactions(message),
      answered.length > 0 && threadLine(message, answered, hooks),
      message.visible_to && el("button", { class: "link", type: "button", "data-key": `dismiss/${message.ts}`, onclick: () => act("dismiss", { user: store.me, ts: message.ts }) }, "Dismiss message"),
    ),
    place === "room" && !message.visible_to && el("div", { class: "hover" }, el("button", { type: "button", class: "icon", title: "Reply in thread", "aria-label": "Reply in thread", "data-key": `reply/${message.ts}`, onclick: () => hooks.openThread(message.ts) }, icon("reply"))),
  ].filter(Boolean);
}

function reactions(message) {
  if (!message.reactions?.length) return null;
  return el("div", { class: "reactions" }, message.reactions.map((r) => el("span", {}, drawn(EMOJI[r.name] ?? `:${r.name}:`), el("b", {}, String(r.count)))));
}

function threadLine(message, answered, hooks) {
  const who = [...new Set(answered.map((reply) => reply.user))].slice(0, 4).map((id) => store.users.get(id)).filter(Boolean);
  const count = `${answered.length} ${answered.length === 1 ? "reply" : "replies"}`;
  return el(
    "button",
    { class: "thread-line", type: "button", "data-key": `thread/${message.ts}`, onclick: () => hooks.openThread(message.ts) },
    el("span", { class: "faces" }, who.map((user) => avatar(user, "tiny-face"))),
    el("b", {}, count),
    el("span", { class: "muted" }, `Last reply ${clock(seconds(answered.at(-1).ts))}`),
  );
}

async function press(node, message, element, value, button) {
  const notice = node.querySelector(".notice");
  notice.hidden = true;
  button.classList.add("busy");
  const details = { user: store.me, channel: message.channel, ts: message.ts, action_id: element.action_id, value, state: valuesIn(node) };
  const answer = await act("click", { ...details, stale: true });
  button.classList.remove("busy");
  if (answer.ok) return;
  const here = node.querySelector(".notice");
  here.replaceChildren(icon("warn"), answer.error);
  here.hidden = false;
}

/** A message right after one of the same person within five minutes is shown without its head. */
export function regroup(node) {
  if (!node) return;
  const before = node.previousElementSibling;
  const close = before && before.dataset.user === node.dataset.user && before.dataset.visible === node.dataset.visible && Number(node.dataset.ts) - Number(before.dataset.ts) < 300;
  node.classList.toggle("follows", Boolean(close) && !node.classList.contains("ephemeral"));
}

export { keyOf };
