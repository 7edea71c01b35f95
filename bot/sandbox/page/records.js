// The right side: PagerDuty's incidents and pages, Jira's issues, ServiceNow's records.
import { adf } from "./adf.js";
import { byId, clock, el, redraw, toast } from "./dom.js";
import { act } from "./live.js";
import { store } from "./store.js";

const utc = (text) => new Date(`${text.replace(" ", "T")}Z`);

/** Put a card into its section, in place when it is there already; newest on top. A list that grew shows its newest line. */
function card(section, key, draw) {
  const holder = byId(section).querySelector(".cards");
  let node = holder.querySelector(`:scope > [data-card="${CSS.escape(key)}"]`);
  if (!node) {
    node = el("article", { class: "card", "data-card": key });
    holder.prepend(node);
  }
  const lists = () => node.querySelectorAll("details[data-key] > .lines");
  const read = new Map([...lists()].map((list) => [list.parentElement.dataset.key, [list.children.length, list.scrollTop]]));
  redraw(node, () => node.replaceChildren(...draw()));
  for (const list of lists()) {
    const [count, top] = read.get(list.parentElement.dataset.key) ?? [];
    list.scrollTop = count === list.children.length ? top : list.scrollHeight;
  }
}

const pill = (text, kind) => el("span", { class: `pill ${kind ?? text}` }, text);

const more = (key, title, count, open, ...children) => el("details", { "data-key": key, open }, el("summary", { onclick: (event) => (event.currentTarget.parentElement.dataset.toggled = "1") }, title, count === null ? null : el("span", { class: "count" }, String(count))), ...children);

const line = (at, who, ...text) => el("li", {}, el("div", { class: "meta" }, el("time", {}, clock(at)), who && el("b", {}, who)), el("div", { class: "words" }, ...text));

export function drawIncident(incident) {
  const urgency = incident.urgency === "high" ? "High urgency" : "Low urgency";
  const press = (what) => async (event) => {
    const button = event.currentTarget;
    button.classList.add("busy");
    const answer = await act("pagerduty", { user: store.me, incident: incident.id, what });
    button.classList.remove("busy");
    if (!answer.ok) toast(answer.error, "bad");
  };
  card("pagerduty", incident.id, () => [
    el("div", { class: "card-head" }, pill(incident.status), el("span", { class: "muted" }, `#${incident.incident_number}`), el("span", { class: "grow" }), el("time", { class: "muted" }, clock(incident.created_at))),
    el("h3", {}, incident.title),
    el("p", { class: "muted facts" }, [incident.service.summary, urgency, incident.priority?.summary, incident.assignments.length ? `assigned to ${incident.assignments.map((a) => a.assignee.summary).join(", ")}` : null].filter(Boolean).join("  ·  ")),
    incident.status !== "resolved" &&
      el("div", { class: "row" }, incident.status === "triggered" && el("button", { type: "button", class: "btn small", "data-key": `ack/${incident.id}`, onclick: press("acknowledge") }, "Acknowledge"), el("button", { type: "button", class: "btn small", "data-key": `res/${incident.id}`, onclick: press("resolve") }, "Resolve")),
    more(`notes/${incident.id}`, "Notes", incident.notes.length, incident.notes.length > 0, el("ol", { class: "lines" }, incident.notes.map((note) => line(note.created_at, note.user?.summary ?? "Automation", note.content)))),
    incident.status_updates?.length > 0 && more(`updates/${incident.id}`, "Status updates", incident.status_updates.length, false, el("ol", { class: "lines" }, incident.status_updates.map((u) => line(u.created_at, u.sender?.summary, u.message)))),
    more(`alerts/${incident.id}`, "Alert details", null, false, incident.alerts.map((alert) => el("dl", {}, Object.entries({ severity: alert.severity, ...alert.body.details }).map(([name, value]) => [el("dt", {}, name), el("dd", {}, typeof value === "string" ? value : JSON.stringify(value))])))),
    more(`log/${incident.id}`, "Timeline", incident.log.length, false, el("ol", { class: "lines" }, incident.log.map((entry) => line(entry.created_at, "", entry.summary)))),
  ].filter(Boolean));
}

/** One line of the feed under the incidents: an Events v2 request or a page. */
export function addFeed(at, kind, text) {
  const feed = byId("pagerduty").querySelector(".feed");
  if (!feed.firstChild) feed.append(el("h4", {}, "Events and pages"), el("ol", { class: "lines" }));
  feed.lastChild.prepend(el("li", {}, el("div", { class: "meta" }, el("time", {}, clock(at)), pill(kind, `kind-${kind}`)), el("div", { class: "words" }, text)));
  while (feed.lastChild.children.length > 30) feed.lastChild.lastChild.remove();
}

export const addEvent = (event) => addFeed(event.at, event.kind, event.body.payload?.summary ?? event.body.dedup_key ?? "");

export const addPage = (page) => addFeed(page.at, "page", `${page.user}: ${page.title}`);

export function drawIssue(issue) {
  const fields = issue.fields;
  const comments = fields.comment.comments;
  card("jira", issue.key, () => [
    el("div", { class: "card-head" }, el("b", { class: "key" }, issue.key), pill(fields.status.name, `status-${fields.status.statusCategory.key}`), el("span", { class: "grow" }), el("time", { class: "muted" }, clock(fields.created.replace("+0000", "Z")))),
    el("h3", {}, fields.summary ?? ""),
    fields.labels?.length > 0 && el("div", { class: "row" }, fields.labels.map((label) => el("span", { class: "label" }, label))),
    fields.description && more(`description/${issue.key}`, "Description", null, false, adf(fields.description)),
    issue.links?.length > 0 && el("p", { class: "muted facts" }, issue.links.map((link) => link.object.title).join("  ·  ")),
    more(`comments/${issue.key}`, "Comments", comments.length, comments.length > 0, el("ol", { class: "lines" }, comments.map((comment) => line(comment.created.replace("+0000", "Z"), comment.author.displayName, adf(comment.body))))),
  ].filter(Boolean));
}

const STATES = { 1: ["New", "new"], 2: ["In progress", "indeterminate"], 3: ["On hold", "indeterminate"], 6: ["Resolved", "done"], 7: ["Closed", "done"], 8: ["Canceled", "done"] };

export function drawRecord(record) {
  const [name, kind] = STATES[record.state] ?? [record.state, "new"];
  const journal = record.journal ?? [];
  card("servicenow", record.sys_id, () => [
    el("div", { class: "card-head" }, el("b", { class: "key" }, record.number), pill(name, `status-${kind}`), el("span", { class: "grow" }), el("time", { class: "muted" }, clock(utc(record.sys_created_on)))),
    el("h3", {}, record.short_description),
    el("p", { class: "muted facts" }, `Priority ${record.priority}  ·  impact ${record.impact}  ·  urgency ${record.urgency}`),
    record.description && more(`description/${record.sys_id}`, "Description", null, false, el("p", { class: "pre-wrap" }, record.description)),
    more(`notes/${record.sys_id}`, "Work notes", journal.length, journal.length > 0, el("ol", { class: "lines" }, journal.map((note) => line(utc(note.sys_created_on), note.sys_created_by, note.value)))),
  ].filter(Boolean));
}

export function drawRecords(snapshot) {
  for (const section of ["pagerduty", "jira", "servicenow"]) byId(section).querySelector(".cards").replaceChildren();
  byId("pagerduty").querySelector(".feed").replaceChildren();
  snapshot.incidents.forEach(drawIncident);
  snapshot.issues.forEach(drawIssue);
  snapshot.records.forEach(drawRecord);
  const feed = [...snapshot.events.map((event) => [event.at, () => addEvent(event)]), ...snapshot.pages.map((page) => [page.at, () => addPage(page)])];
  feed.sort((a, b) => (a[0] < b[0] ? -1 : 1)).forEach(([, add]) => add());
}
