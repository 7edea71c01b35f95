// Modals the app opens, and the "are you sure" of a button.
import { renderBlocks } from "./blocks.js";
import { byId, el, icon, redraw } from "./dom.js";
import { valuesIn } from "./fields.js";
import { act } from "./live.js";
import { textObject } from "./mrkdwn.js";
import { names, store } from "./store.js";

let shown = "";

/** Show the present person's uppermost modal, or none. */
export function drawModal() {
  const dialog = byId("modal");
  const view = (store.views[store.me] ?? []).at(-1);
  if (!view) {
    shown = "";
    if (dialog.open) dialog.close();
    return;
  }
  if (shown === `${view.id}/${view.hash}`) return;
  const again = shown.startsWith(`${view.id}/`);
  shown = `${view.id}/${view.hash}`;
  const draw = () => dialog.replaceChildren(...content(dialog, view));
  if (again) redraw(dialog, draw);
  else draw();
  dialog.oncancel = (event) => (event.preventDefault(), close(view));
  if (!dialog.open) dialog.showModal();
  if (!again) (dialog.querySelector("[autofocus]") ?? dialog.querySelector("[data-field]"))?.focus();
}

function content(dialog, view) {
  const context = {
    names,
    confirm: askConfirm,
    act: (block, element, value, node) => send(dialog, node, "click_view", { view: view.id, action_id: element.action_id, value, values: valuesIn(dialog) }),
  };
  const submit = el("button", { type: "submit", class: "btn primary", "data-key": "modal-submit" }, ...textObject(view.submit ?? { text: "Submit" }, names));
  const form = el(
    "form",
    {
      novalidate: true,
      onsubmit: (event) => {
        event.preventDefault();
        send(dialog, submit, "submit", { view: view.id, values: valuesIn(dialog) });
      },
    },
    el("div", { class: "modal-head" }, el("h2", {}, ...textObject(view.title, names)), el("button", { type: "button", class: "icon", "aria-label": "Close", onclick: () => close(view) }, "×")),
    el("div", { class: "modal-body content" }, renderBlocks(view.blocks, context)),
    el("div", { class: "notice", role: "alert", hidden: true }),
    el("div", { class: "modal-foot" }, el("button", { type: "button", class: "btn", onclick: () => close(view) }, ...textObject(view.close ?? { text: "Close" }, names)), view.submit && submit),
  );
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) form.requestSubmit();
  });
  return [form];
}

async function send(dialog, node, name, details) {
  if (node.classList.contains("busy")) return;
  node.classList.add("busy");
  for (const error of dialog.querySelectorAll(".input-error")) error.hidden = true;
  const notice = dialog.querySelector(".notice");
  if (notice) notice.hidden = true;
  const answer = await act(name, { user: store.me, ...details });
  node.classList.remove("busy");
  if (!answer.ok) {
    const here = dialog.querySelector(".notice");
    here?.replaceChildren(icon("warn"), answer.error);
    if (here) here.hidden = false;
    return;
  }
  for (const [block, text] of Object.entries(name === "submit" ? answer.result ?? {} : {})) {
    const error = dialog.querySelector(`[data-block="${CSS.escape(block)}"] .input-error`);
    if (!error) continue;
    error.textContent = text;
    error.hidden = false;
  }
}

const close = (view) => act("close", { user: store.me, view: view.id });

/** Slack's confirm object as a dialog. Resolves to true or false. */
export function askConfirm(object) {
  const dialog = byId("confirm");
  return new Promise((resolve) => {
    const done = (answer) => () => {
      dialog.close();
      resolve(answer);
    };
    const yes = el("button", { type: "button", class: `btn ${object.style === "danger" ? "danger" : "primary"}`, onclick: done(true) }, ...textObject(object.confirm ?? { text: "Yes" }, names));
    dialog.oncancel = () => resolve(false);
    dialog.replaceChildren(
      el("div", { class: "modal-head" }, el("h2", {}, ...textObject(object.title ?? { text: "Are you sure?" }, names))),
      el("div", { class: "modal-body" }, ...textObject(object.text, names)),
      el("div", { class: "modal-foot" }, el("button", { type: "button", class: "btn", onclick: done(false) }, ...textObject(object.deny ?? { text: "Cancel" }, names)), yes),
    );
    dialog.showModal();
    yes.focus();
  });
}
