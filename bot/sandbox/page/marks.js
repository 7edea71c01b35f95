// The emoji of our own messages, drawn here, so that the page looks the same on a machine without an emoji font.
// The character itself stays in the text, for copying and for screen readers. Other emoji are left to the font.
import { el } from "./dom.js";

const disc = (fill) => [{ fill, d: "M8 2.2a5.8 5.8 0 1 1 0 11.6 5.8 5.8 0 0 1 0-11.6z" }];
const tile = (fill, ...more) => [{ fill, d: "M4.2 1.8h7.6a2.4 2.4 0 0 1 2.4 2.4v7.6a2.4 2.4 0 0 1-2.4 2.4H4.2a2.4 2.4 0 0 1-2.4-2.4V4.2a2.4 2.4 0 0 1 2.4-2.4z" }, ...more];
const line = (stroke, d, width = 1.7) => ({ stroke, width, d });
const face = (mouth) => [...disc("#e8b931"), line("#4a3b12", "M5.9 6.6v.6M10.1 6.6v.6", 1.5), line("#4a3b12", mouth, 1.2)];

const RED = "#d8453c", ORANGE = "#e0862a", YELLOW = "#e3b62c", GREEN = "#2f9e6b", BLUE = "#3f7fc8", PURPLE = "#8a5fc0", GREY = "#8b958f", WHITE = "#ffffff", SKIN = "#dba436";
const TICK = "M4.6 8.3 7 10.6l4.4-5";
const HAND = "M5.2 9.2V4.6M7.3 7.6V2.9M9.4 7.6V3.2M11.4 8.2V5M11.4 8.2v2c0 2.2-1.3 3.6-3.3 3.6-1.7 0-2.6-.7-3.4-2.2L3.2 8.9";
const THUMB = "M2.4 7.2h2.3v5.9H2.4zM4.9 7.6 7.4 2.3c1.3 0 1.8.9 1.6 2L8.7 6h3.5c1 0 1.6.8 1.4 1.8l-.8 3.8c-.2.9-.8 1.4-1.7 1.4H4.9z";
const SAND = "M4 2.2h8M4 13.8h8M5 2.4v2.2L8 8l3-3.4V2.4M5 13.6v-2.2L8 8l3 3.4v2.2";

const DRAWN = {
  "🔴": disc(RED), "🟠": disc(ORANGE), "🟡": disc(YELLOW), "🟢": disc(GREEN), "🔵": disc(BLUE), "🟣": disc(PURPLE),
  "⛔": [...disc(RED), line(WHITE, "M5.2 8h5.6", 2)],
  "🛑": [{ fill: RED, d: "M5.4 1.8h5.2l3.6 3.6v5.2l-3.6 3.6H5.4l-3.6-3.6V5.4z" }, line(WHITE, "M5.6 8h4.8", 2)],
  "⚠": [{ fill: YELLOW, d: "M8 1.6c.5 0 .8.2 1 .6l5.6 10c.4.8 0 1.6-1 1.6H2.4c-1 0-1.4-.8-1-1.6L7 2.2c.2-.4.5-.6 1-.6z" }, line("#3a2f0c", "M8 5.9v3.4M8 11.6v.1", 1.6)],
  "✅": tile(GREEN, line(WHITE, TICK)), "☑": tile(BLUE, line(WHITE, TICK)), "⬜": [line(GREY, "M3.2 3.2h9.6v9.6H3.2z", 1.4)],
  "❌": [line(RED, "M3.6 3.6l8.8 8.8M12.4 3.6l-8.8 8.8", 2.4)],
  "❓": [line(RED, "M5.4 5.4a2.7 2.7 0 1 1 4 2.4C8.3 8.4 8 9 8 10.2M8 13.2v.1", 2)],
  "⌛": [line(ORANGE, SAND, 1.3)], "⏳": [line(ORANGE, SAND, 1.3)],
  "▶": tile(BLUE, { fill: WHITE, d: "M6 4.8 11.4 8 6 11.2z" }), "⏹": tile(BLUE, { fill: WHITE, d: "M5.4 5.4h5.2v5.2H5.4z" }),
  "⏭": tile(BLUE, { fill: WHITE, d: "M4.4 5 8 8l-3.6 3zM7.8 5l3.4 3-3.4 3z" }, line(WHITE, "M11.8 5.2v5.6", 1.2)),
  "↩": tile(BLUE, line(WHITE, "M6.6 4.4 4.2 6.8l2.4 2.4M4.4 6.8h4.8a2.2 2.2 0 0 1 0 4.4H7.4", 1.4)),
  "👍": [{ fill: SKIN, d: THUMB }], "👎": [{ fill: SKIN, d: THUMB, turned: true }],
  "👌": [line(SKIN, "M6.2 12.2a2.4 2.4 0 1 0-2.2-2.4M6.6 8V3.4M9 8.2V2.6M11.4 9V4.4M11.4 8.6c.4 3-1 5-3.4 5", 1.5)],
  "✋": [line(SKIN, HAND, 1.6)], "👋": [line(SKIN, HAND, 1.6), line(GREY, "M13.4 2.6c.8.5 1.2 1.2 1.3 2.1M1.4 12.2c.3.9.9 1.6 1.7 2", 1.1)],
  "👉": [line(SKIN, "M2.4 6.2h10.8M6.6 6.4h3M6.6 8.5h3.2M6.4 10.6h2.8M2.4 11.6h4.4", 1.7)],
  "🙋": [{ fill: BLUE, d: "M8 3.4a2.3 2.3 0 1 1 0 4.6 2.3 2.3 0 0 1 0-4.6zM3.8 13.8c0-3 1.6-4.8 4.2-4.8s4.2 1.8 4.2 4.8z" }, line(BLUE, "M12 9.6 13.8 3", 1.6)],
  "🗣": [{ fill: BLUE, d: "M6 3.2a2.6 2.6 0 1 1 0 5.2 2.6 2.6 0 0 1 0-5.2zM1.4 13.8c0-3 1.8-4.6 4.6-4.6s4.6 1.6 4.6 4.6z" }, line(GREY, "M10.6 4.6c.6.8.6 1.8 0 2.6M12.6 3.2c1.2 1.6 1.2 3.8 0 5.4", 1.2)],
  "📣": [{ fill: RED, d: "M2 6.4v3.2h2.6l6.6 3V3.4l-6.6 3z" }, line(GREY, "M5.2 10v3.2h1.6v-2.6M13.2 6.6c.6.8.6 2 0 2.8", 1.2)],
  "💡": [{ fill: YELLOW, d: "M8 1.6a4.3 4.3 0 0 1 2.4 7.9c-.5.4-.7.8-.7 1.5H6.3c0-.7-.2-1.1-.7-1.5A4.3 4.3 0 0 1 8 1.6z" }, line(GREY, "M6.5 12.4h3M7 14.2h2", 1.2)],
  "🔎": [line(BLUE, "M9.4 2.6a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM6.5 9.5 2.4 13.6", 1.7)],
  "⏸": tile(BLUE, line(WHITE, "M6.2 5v6M9.8 5v6", 1.8)),
  "⏰": [...disc(RED), { fill: WHITE, d: "M8 4.2a3.8 3.8 0 1 1 0 7.6 3.8 3.8 0 0 1 0-7.6z" }, line(GREY, "M8 5.8V8l1.6 1", 1.2)],
  "👻": [{ fill: GREY, d: "M8 2a4.6 4.6 0 0 1 4.6 4.6v7l-1.6-1.2-1.5 1.2L8 12.4l-1.5 1.2L5 12.4l-1.6 1.2v-7A4.6 4.6 0 0 1 8 2z" }, line(WHITE, "M6.4 6.4v.8M9.6 6.4v.8", 1.5)],
  "🚨": [{ fill: RED, d: "M4.4 11.4V8a3.6 3.6 0 0 1 7.2 0v3.4z" }, line(GREY, "M3.2 13.2h9.6M8 1.4v1.4M2.8 3.8l1.1 1M13.2 3.8l-1.1 1", 1.3)],
  "🧯": [{ fill: RED, d: "M5.6 6.4a2.4 2.4 0 0 1 4.8 0v7.4H5.6z" }, line(GREY, "M8 4V2.4M8 2.6h3.4M6.2 2.8c-1.8.2-2.6 1.4-2.8 3.4", 1.3)],
  "🧾": [{ fill: GREY, d: "M4 1.8h8v12.4l-1.6-1.1-1.2 1.1L8 13.1l-1.2 1.1-1.2-1.1L4 14.2z" }, line(WHITE, "M5.8 5h4.4M5.8 7.4h4.4M5.8 9.8h2.6", 1.1)],
  "📉": [line(GREY, "M2.6 2.6v10.8h10.8", 1.3), line(RED, "M4.6 5.2l2.8 2.6 1.8-1.4 3.6 4.4M12.8 7.8v3H9.8", 1.4)],
  "🤔": face("M6 10.6c1.2-.7 2.6-.8 4-.2"), "😕": face("M5.8 11c1-.9 2.6-1.1 4.4-.6"),
};

const CHARACTERS = new RegExp(`(${Object.keys(DRAWN).join("|")})\ufe0f?`, "u");
const SPACE = "http://www.w3.org/2000/svg";

function shape(part) {
  const path = document.createElementNS(SPACE, "path");
  path.setAttribute("d", part.d);
  path.setAttribute("fill", part.fill ?? "none");
  if (part.stroke) path.setAttribute("stroke", part.stroke), path.setAttribute("stroke-width", part.width);
  if (part.turned) path.setAttribute("transform", "rotate(180 8 8)");
  return path;
}

function mark(character, parts) {
  const svg = document.createElementNS(SPACE, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.append(...parts.map(shape));
  return el("span", { class: "mark" }, svg, el("span", { class: "mark-text" }, character));
}

/** Text to strings and drawn marks, in order; a text without any of our emoji comes back as it is. */
export function drawn(text) {
  const out = [];
  let rest = text;
  for (let match = CHARACTERS.exec(rest); match; match = CHARACTERS.exec(rest)) {
    if (match.index) out.push(rest.slice(0, match.index));
    out.push(mark(match[0], DRAWN[match[1]]));
    rest = rest.slice(match.index + match[0].length);
  }
  if (rest) out.push(rest);
  return out;
}
