// The list of channels, the open channel, its thread and the Home tab.
import { renderBlocks } from "./blocks.js";
import { composer } from "./composer.js";
import { byId, el, icon, redraw, toast } from "./dom.js";
import { valuesIn } from "./fields.js";
import { act } from "./live.js";
import { avatar, drawMessage, fill, regroup } from "./message.js";
import { askConfirm } from "./modal.js";
import { inRoom, inThread, isReply, keyOf, myChannels, names, store, visible } from "./store.js";

const hooks = { openThread };
const lists = { room: () => byId("messages"), thread: () => byId("replies") };
const belongs = { room: inRoom, thread: inThread };
const composers = {};

export function startRoom() {
  composers.room = composer(byId("composer"), { thread: () => "" });
  composers.thread = composer(byId("thread-composer"), { thread: () => store.thread });
  byId("thread-close").onclick = closeThread;
}

// -- channels ---------------------------------------------------------------------------------------------------
export function drawSidebar() {
  const entry = (id, label, mark, active, open) => {
    const news = store.unread.get(id);
    const classes = ["entry", active && "active", news && "unread"].filter(Boolean).join(" ");
    return el("button", { type: "button", class: classes, "data-key": `go/${id}`, onclick: open, "aria-current": active ? "page" : null }, mark, el("span", {}, label), news?.mentions ? el("em", {}, String(news.mentions)) : null);
  };
  const channels = myChannels();
  const rooms = channels.filter((channel) => !channel.is_im);
  const direct = channels.filter((channel) => channel.is_im);
  redraw(byId("sidebar"), () =>
    byId("sidebar").replaceChildren(
      el("h2", {}, "Sandbox"),
      el("h3", {}, "Channels"),
      ...rooms.map((c) => entry(c.id, c.name, el("i", {}, "#"), !store.home && c.id === store.channel, () => openChannel(c.id))),
      ...(direct.length ? [el("h3", {}, "Direct messages")] : []),
      ...direct.map((c) => entry(c.id, store.bot.real_name, avatar({ ...store.bot, is_bot: true }, "tiny-face"), !store.home && c.id === store.channel, () => openChannel(c.id))),
      el("h3", {}, "Apps"),
      entry("home", store.bot.real_name, icon("home"), store.home, openHome),
    ),
  );
}

export function openChannel(id) {
  store.home = false;
  if (store.channel !== id) closeThread();
  store.channel = id;
  store.unread.delete(id);
  drawAll();
}

export async function openHome() {
  store.home = true;
  closeThread();
  drawAll();
  const answer = await act("home", { user: store.me });
  if (!answer.ok) toast(answer.error, "bad");
}

export function drawAll() {
  drawSidebar();
  drawHead();
  byId("composer").hidden = store.home;
  if (store.home) return drawHome();
  drawList("room", true);
  composers.room.refresh();
  if (store.thread) drawThread(true);
}

function drawHead() {
  const channel = store.channels.get(store.channel);
  const head = byId("room-head");
  if (store.home) return head.replaceChildren(el("h2", {}, `${store.bot.real_name}`), el("span", { class: "muted" }, "Home"));
  if (!channel) return head.replaceChildren(el("h2", {}, "No channel"));
  const title = channel.is_im ? store.bot.real_name : `# ${channel.name}`;
  head.replaceChildren(el("h2", {}, title), channel.topic && el("span", { class: "muted topic" }, channel.topic), el("span", { class: "grow" }), el("span", { class: "faces", title: channel.members.map((id) => store.users.get(id)?.real_name ?? id).join(", ") }, channel.members.slice(0, 6).map((id) => store.users.get(id)).filter(Boolean).map((user) => avatar(user, "tiny-face"))));
}

// -- messages ---------------------------------------------------------------------------------------------------
function drawList(place, toEnd) {
  const list = lists[place]();
  const found = [...store.messages.values()].filter(belongs[place]).sort((a, b) => (a.ts < b.ts ? -1 : 1));
  const nodes = found.map((message) => drawMessage(message, place, hooks));
  list.replaceChildren(...(nodes.length ? nodes : [el("p", { class: "empty" }, place === "room" ? "Nothing has happened here yet." : "")]));
  nodes.forEach(regroup);
  if (place === "thread" && nodes.length) nodes[0].after(el("div", { class: "replies-rule" }, countText()));
  if (!toEnd) return;
  list.scrollTop = list.scrollHeight;
  requestAnimationFrame(() => (list.scrollTop = list.scrollHeight));
}

const countText = () => {
  const count = [...store.messages.values()].filter((m) => inThread(m) && isReply(m)).length;
  return count ? `${count} ${count === 1 ? "reply" : "replies"}` : "No replies yet";
};

const nodeOf = (place, ts) => lists[place]().querySelector(`:scope > [data-ts="${CSS.escape(ts)}"]`);

/** A message came or changed: touch only its own node, in its place. */
export function showMessage(message, isNew) {
  store.messages.set(keyOf(message), message);
  for (const place of ["room", "thread"]) {
    if (store.home || (place === "thread" && !store.thread) || !belongs[place](message)) continue;
    place_(place, message);
  }
  if (isReply(message)) refreshParent(message);
  if (isNew) noteUnread(message);
}

function place_(place, message) {
  const list = lists[place]();
  const before = nodeOf(place, message.ts);
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  if (before) fill(before, message, place, hooks);
  else insert(list, message, place);
  if (place === "thread") list.querySelector(".replies-rule")?.replaceChildren(countText());
  if (atEnd) list.scrollTop = list.scrollHeight;
}

function insert(list, message, place) {
  list.querySelector(".empty")?.remove();
  const node = drawMessage(message, place, hooks);
  const after = [...list.querySelectorAll(":scope > article")].find((other) => other.dataset.ts > message.ts);
  if (after) after.before(node);
  else list.append(node);
  node.classList.add("arrives");
  regroup(node);
  regroup(node.nextElementSibling?.matches("article") ? node.nextElementSibling : null);
}

function refreshParent(message) {
  const parent = store.messages.get(`${message.channel}|${message.thread_ts}`);
  if (parent && !store.home && inRoom(parent)) {
    const node = nodeOf("room", parent.ts);
    if (node) fill(node, parent, "room", hooks);
  }
}

export function removeMessage(channel, ts) {
  const message = store.messages.get(`${channel}|${ts}`);
  store.messages.delete(`${channel}|${ts}`);
  if (store.home || channel !== store.channel) return;
  for (const place of ["room", "thread"]) {
    const node = nodeOf(place, ts);
    const next = node?.nextElementSibling;
    node?.remove();
    if (next?.matches("article")) regroup(next);
  }
  if (message && isReply(message)) refreshParent(message);
}

function noteUnread(message) {
  if (!visible(message) || message.user === store.me) return;
  if (message.channel === store.channel && !store.home) return;
  const news = store.unread.get(message.channel) ?? { mentions: 0 };
  if (JSON.stringify(message).includes(`@${store.me}>`) || message.visible_to || store.channels.get(message.channel)?.is_im) news.mentions += 1;
  store.unread.set(message.channel, news);
  drawSidebar();
}

// -- thread -----------------------------------------------------------------------------------------------------
export function openThread(ts) {
  store.thread = ts;
  const room = lists.room();
  const atEnd = room.scrollHeight - room.scrollTop - room.clientHeight < 60;
  byId("thread").hidden = false;
  if (atEnd) room.scrollTop = room.scrollHeight;
  drawThread(true);
  composers.thread.focus();
}

export function closeThread() {
  store.thread = "";
  byId("thread").hidden = true;
}

function drawThread(toEnd) {
  const channel = store.channels.get(store.channel);
  byId("thread-place").textContent = channel ? (channel.is_im ? store.bot.real_name : `#${channel.name}`) : "";
  drawList("thread", toEnd);
  composers.thread.refresh();
}

// -- the app's Home tab -----------------------------------------------------------------------------------------
export function drawHome() {
  const list = byId("messages");
  const view = store.homes[store.me];
  if (!view) return list.replaceChildren(el("p", { class: "empty" }, "The app has not shown a Home tab yet."));
  const context = {
    names,
    confirm: askConfirm,
    act: async (block, element, value, node) => {
      node.classList.add("busy");
      const answer = await act("click_view", { user: store.me, view: view.id, action_id: element.action_id, value, values: valuesIn(list) });
      node.classList.remove("busy");
      if (!answer.ok) toast(answer.error, "bad");
    },
  };
  redraw(list, () => list.replaceChildren(el("div", { class: "home content" }, renderBlocks(view.blocks, context))));
}
