// The line to the sandbox: one WebSocket with everything that happens, and acts that are answered.
import { byId } from "./dom.js";

const waiting = new Map();
let socket = null;
let number = 0;

function state(name) {
  const mark = byId("live");
  mark.className = `live ${name}`;
  mark.querySelector("span").textContent = { on: "live", off: "reconnecting" }[name] ?? name;
}

export function connect(onEvent) {
  socket = new WebSocket(`ws://${location.host}/live`);
  socket.onopen = () => state("on");
  socket.onmessage = (message) => {
    const event = JSON.parse(message.data);
    if (event.type !== "answer") return onEvent(event);
    waiting.get(event.re)?.(event);
    waiting.delete(event.re);
  };
  socket.onclose = () => {
    state("off");
    for (const answer of waiting.values()) answer({ ok: false, error: "The sandbox did not answer." });
    waiting.clear();
    setTimeout(() => connect(onEvent), 800);
  };
}

/** Do something as a person. Resolves to {ok, result, error}; never rejects. */
export function act(name, details) {
  if (socket?.readyState !== WebSocket.OPEN) return Promise.resolve({ ok: false, error: "The sandbox is not connected." });
  number += 1;
  const id = number;
  socket.send(JSON.stringify({ ...details, id, act: name }));
  return new Promise((resolve) => waiting.set(id, resolve));
}
