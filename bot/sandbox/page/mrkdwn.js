// Slack's mrkdwn to DOM nodes. Everything that is not mark-up ends up in a text node.
import { el } from "./dom.js";
import { EMOJI } from "./emoji.js";
import { drawn } from "./marks.js";

const decode = (text) => text.replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");

const MARK_UP = [
  "`(?<code>[^`\\n]+)`",
  "<(?<angle>[^<>\\n]+)>",
  "(?<![\\w*])\\*(?=\\S)(?<bold>[^*\\n]*?\\S)\\*(?![\\w*])",
  "(?<![\\w_])_(?=\\S)(?<italic>[^_\\n]*?\\S)_(?![\\w_])",
  "(?<![\\w~])~(?=\\S)(?<strike>[^~\\n]*?\\S)~(?![\\w~])",
  "(?<![\\w:]):(?<emoji>[a-z0-9_+\\-]+):(?![\\w:])",
];
const ADDRESS = "(?<![\\w/])(?<url>https?:\\/\\/[^\\s<>|]+[^\\s<>|.,;:!?)'\"`*_~])";
const INLINE = new RegExp([...MARK_UP, ADDRESS].join("|"), "g");
// `"verbatim": true`: mark-up and <…> are read as always, bare addresses stay text (Slack's text object reference).
const VERBATIM = new RegExp(MARK_UP.join("|"), "g");

const textWithEmoji = (text) => text.replace(/(?<![\w:]):([a-z0-9_+-]+):(?![\w:])/g, (all, name) => EMOJI[name] ?? all);

export function link(url, ...children) {
  if (!/^(https?:|mailto:)/i.test(url)) return el("span", {}, ...children);
  return el("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

export function mention(kind, id, label, names) {
  if (kind === "@") {
    const known = names.users.get(id);
    return el("span", { class: names.me === id ? "mention me" : "mention" }, `@${known?.real_name ?? label ?? id}`);
  }
  const known = names.channels.get(id);
  return el("span", { class: "mention" }, `#${known?.name ?? label ?? id}`);
}

export function dateText(epoch, format) {
  const at = new Date(Number(epoch) * 1000);
  if (Number.isNaN(at.getTime())) return null;
  const day = (options) => at.toLocaleDateString([], options);
  const long = { weekday: "long", month: "long", day: "numeric" };
  const parts = {
    date_num: at.toISOString().slice(0, 10),
    date: day({ month: "long", day: "numeric", year: "numeric" }),
    date_short: day({ month: "short", day: "numeric", year: "numeric" }),
    date_long: day(long),
    time: at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }),
    time_secs: at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" }),
    ago: "",
  };
  for (const name of ["date", "date_short", "date_long"]) parts[`${name}_pretty`] = at.toDateString() === new Date().toDateString() ? "today" : parts[name];
  return format.replace(/\{(\w+)\}/g, (all, name) => parts[name] ?? all);
}

function angle(inner, names) {
  const [target, ...rest] = inner.split("|");
  const label = rest.length ? decode(rest.join("|")) : undefined;
  if (/^@[A-Z0-9]+$/.test(target)) return mention("@", target.slice(1), label, names);
  if (/^#[A-Z0-9]+$/.test(target)) return mention("#", target.slice(1), label, names);
  if (target.startsWith("!date^")) {
    const [, epoch, format, url] = target.split("^");
    const text = dateText(epoch, format ?? "") ?? label ?? target;
    const shown = el("time", {}, text);
    return url ? link(decode(url), shown) : shown;
  }
  if (target.startsWith("!subteam^")) {
    const group = names.usergroups.get(target.split("^")[1]);
    return el("span", { class: "mention" }, group ? `@${group.handle}` : label ?? target);
  }
  if (/^!(here|channel|everyone)$/.test(target)) return el("span", { class: "mention loud" }, `@${target.slice(1)}`);
  if (/^(https?:|mailto:)/i.test(target)) return link(decode(target), label ?? decode(target).replace(/^mailto:/, ""));
  return document.createTextNode(`<${decode(inner)}>`);
}

function inline(text, names, verbatim) {
  const out = [];
  let place = 0;
  for (const match of text.matchAll(verbatim ? VERBATIM : INLINE)) {
    const g = match.groups;
    if (g.emoji && !EMOJI[g.emoji]) continue;
    if (match.index > place) out.push(...drawn(decode(text.slice(place, match.index))));
    place = match.index + match[0].length;
    if (g.code !== undefined) out.push(el("code", {}, decode(g.code)));
    else if (g.angle !== undefined) out.push(angle(g.angle, names));
    else if (g.bold !== undefined) out.push(el("b", {}, ...inline(g.bold, names, verbatim)));
    else if (g.italic !== undefined) out.push(el("i", {}, ...inline(g.italic, names, verbatim)));
    else if (g.strike !== undefined) out.push(el("s", {}, ...inline(g.strike, names, verbatim)));
    else if (g.emoji !== undefined) out.push(...drawn(EMOJI[g.emoji]));
    else if (g.url !== undefined) out.push(link(decode(g.url), decode(g.url)));
  }
  if (place < text.length) out.push(...drawn(decode(text.slice(place))));
  return out;
}

function lines(text, names, verbatim) {
  const out = [];
  let quote = null;
  const rows = text.split("\n");
  rows.forEach((row, number) => {
    const quoted = /^(?:&gt;|>) ?(.*)$/.exec(row);
    if (quoted) {
      quote ??= out[out.push(el("blockquote", {})) - 1];
      quote.append(...(quote.childNodes.length ? [el("br")] : []), ...inline(quoted[1], names, verbatim));
      return;
    }
    const afterQuote = quote !== null;
    quote = null;
    out.push(...inline(row, names, verbatim));
    if (number < rows.length - 1 && !(afterQuote && row === "")) out.push(el("br"));
  });
  return out;
}

/** mrkdwn text to an array of nodes and strings. names: {users, channels, usergroups: Map, me}; verbatim: of the text object. */
export function mrkdwn(text, names, verbatim = false) {
  const out = [];
  const parts = String(text).split("```");
  parts.forEach((part, number) => {
    const fenced = number % 2 === 1 && number < parts.length - 1;
    if (fenced) {
      out.push(el("pre", {}, decode(part.replace(/^\n/, "").replace(/\n$/, ""))));
      return;
    }
    let plain = number % 2 === 1 ? `\`\`\`${part}` : part;
    if (number > 0 && number % 2 === 0) plain = plain.replace(/^\n/, "");
    if (number < parts.length - 2 && number % 2 === 0) plain = plain.replace(/\n$/, "");
    if (plain) out.push(...lines(plain, names, verbatim));
  });
  return out;
}

/** A text object ({type, text, emoji, verbatim}) to nodes. */
export function textObject(object, names) {
  if (!object) return [];
  if (object.type === "mrkdwn") return mrkdwn(object.text ?? "", names, object.verbatim === true);
  return drawn(object.emoji === false ? object.text ?? "" : textWithEmoji(object.text ?? ""));
}
