// Draws the messages of a simulation with the sandbox's own renderer. Nothing can be pressed: there is no bot behind it.
import { byId, el } from "./dom.js";
import { drawMessage, regroup } from "./message.js";
import { store } from "./store.js";

const shown = JSON.parse(byId("shown").textContent);
store.me = shown.me;
store.channel = shown.channel.id;
store.users = new Map(shown.users.map((user) => [user.id, user]));
store.channels = new Map([[shown.channel.id, shown.channel]]);

const hooks = { openThread: () => byId("thread").scrollIntoView() };

function fillIn(holder, messages, nothing) {
  const nodes = messages.map((message) => drawMessage(message, "thread", hooks));
  holder.replaceChildren(...(nodes.length ? nodes : [el("p", { class: "empty" }, nothing)]));
  nodes.forEach(regroup);
}

byId("about").textContent = shown.about;
byId("channel").textContent = `# ${shown.channel.name}`;
byId("thread-about").textContent = shown.asked;
byId("text").textContent = shown.text;
fillIn(byId("messages"), shown.room, "");
fillIn(byId("replies"), shown.thread, "Nobody is asked, so there is no card.");
document.body.dataset.ready = "1";
