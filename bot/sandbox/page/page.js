// Puts the page together: the top bar, who I act as, and which part each event of the live feed touches.
import { byId, el, toast } from "./dom.js";
import { act, connect } from "./live.js";
import { avatar } from "./message.js";
import { drawModal } from "./modal.js";
import { addEvent, addPage, drawIncident, drawIssue, drawRecord, drawRecords } from "./records.js";
import { closeThread, drawAll, drawHome, openChannel, removeMessage, showMessage, startRoom } from "./room.js";
import { keyOf, myChannels, people, store } from "./store.js";

const outages = {};

function takeSnapshot(snapshot) {
  store.bot = snapshot.bot;
  store.commands = snapshot.commands;
  store.users = new Map(snapshot.users.map((user) => [user.id, user]));
  store.channels = new Map(snapshot.channels.map((channel) => [channel.id, channel]));
  store.usergroups = new Map(snapshot.usergroups.map((group) => [group.id, group]));
  store.messages = new Map(snapshot.messages.map((message) => [keyOf(message), message]));
  store.views = snapshot.views;
  store.homes = snapshot.homes;
  Object.assign(outages, snapshot.outages);
  const asked = new URLSearchParams(location.search);
  if (!store.users.has(store.me)) store.me = [asked.get("as"), localStorage.getItem("me")].find((id) => people().some((user) => user.id === id)) ?? people()[0]?.id ?? "";
  if (!myChannels().some((channel) => channel.id === store.channel)) store.channel = (myChannels().find((channel) => channel.id === asked.get("channel")) ?? myChannels()[0])?.id ?? "";
  drawControls(snapshot.controls);
  drawPeople();
  drawAll();
  drawModal();
  drawRecords(snapshot);
  drawOutages();
  document.body.dataset.ready = "1";
}

function drawControls(names) {
  const press = (name) => async (event) => {
    const button = event.currentTarget;
    if (button.classList.contains("busy")) return;
    button.classList.add("busy");
    const answer = await act("control", { name });
    button.classList.remove("busy");
    toast(answer.ok ? answer.result || `${name}: done` : `${name}: ${answer.error}`, answer.ok ? "" : "bad");
  };
  byId("controls").replaceChildren(...names.map((name) => el("button", { type: "button", class: "control", onclick: press(name) }, name)));
}

function drawPeople() {
  const choose = (id) => () => {
    store.me = id;
    localStorage.setItem("me", id);
    store.unread.clear();
    if (!myChannels().some((channel) => channel.id === store.channel)) {
      closeThread();
      store.channel = myChannels()[0]?.id ?? "";
    }
    drawPeople();
    drawAll();
    drawModal();
  };
  byId("people").replaceChildren(
    el("span", { class: "muted" }, "You are"),
    ...people().map((user) =>
      el("button", { type: "button", role: "radio", class: user.id === store.me ? "person me" : "person", "aria-checked": String(user.id === store.me), title: [user.real_name, user.title].filter(Boolean).join(", "), "data-person": user.id, onclick: choose(user.id) }, avatar(user, "face"), el("span", { class: "person-name" }, el("b", {}, user.id === store.me ? user.real_name : user.real_name.split(" ")[0]), user.id === store.me && user.title && el("small", {}, user.title))),
    ),
  );
}

function drawOutages() {
  const down = Object.entries(outages).filter(([, mode]) => mode !== "up");
  let banner = byId("outage");
  if (!banner) document.querySelector("main").before((banner = el("div", { id: "outage", role: "status" })));
  const words = { refuse: "refuses connections", error_503: "answers 503", slow: "answers slowly", rate_limited: "is rate limiting", lose_answers: "loses its answers" };
  banner.hidden = down.length === 0;
  banner.replaceChildren(...down.map(([vendor, mode]) => el("span", {}, el("b", {}, { slack: "Slack", pagerduty: "PagerDuty", jira: "Jira", servicenow: "ServiceNow" }[vendor] ?? vendor), ` ${words[mode] ?? mode}`)));
}

const EVENTS = {
  snapshot: takeSnapshot,
  message: ({ message }) => showMessage(message, !store.messages.has(keyOf(message))),
  message_removed: ({ channel, ts }) => removeMessage(channel, ts),
  ephemeral_removed: ({ channel, ts }) => removeMessage(channel, ts),
  views: ({ user, views }) => {
    store.views[user] = views;
    if (user === store.me) drawModal();
  },
  home: ({ user, view }) => {
    store.homes[user] = view;
    if (store.home && user === store.me) drawHome();
  },
  incident: ({ incident }) => drawIncident(incident),
  event: ({ event }) => addEvent(event),
  page: ({ page }) => addPage(page),
  issue: ({ issue }) => drawIssue(issue),
  record: ({ record }) => drawRecord(record),
  outage: ({ vendor, mode }) => {
    outages[vendor] = mode;
    drawOutages();
  },
};

startRoom();
connect((event) => EVENTS[event.type]?.(event));
export { openChannel };
