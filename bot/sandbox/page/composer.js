// The box people type into: plain text, slash commands, @mentions.
import { el, icon, toast } from "./dom.js";
import { act } from "./live.js";
import { people, store } from "./store.js";

/** Puts a composer into `holder`. options.thread(): ts of the thread it writes to, or "". */
export function composer(holder, options) {
  const box = el("textarea", { rows: 1, "aria-label": "Message", spellcheck: false });
  const menu = el("div", { class: "suggest", role: "listbox", hidden: true });
  const send = el("button", { type: "button", class: "send", "aria-label": "Send", disabled: true }, icon("send"));
  holder.replaceChildren(menu, el("div", { class: "box" }, box, send));
  let choice = 0;

  const grow = () => {
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, 160)}px`;
    send.disabled = !box.value.trim();
  };

  const options_ = () => {
    const text = box.value.slice(0, box.selectionStart);
    if (!options.thread() && /^\/\S*$/.test(text)) return store.commands.filter((command) => command.startsWith(text) && command !== text).map((command) => ({ shown: command, note: `${store.bot.real_name} command`, from: 0, put: `${command} ` }));
    const at = /(?:^|\s)@([\w.-]*)$/.exec(text);
    if (!at) return [];
    const everyone = [{ ...store.bot, is_bot: true }, ...people()];
    if (everyone.some((user) => user.name === at[1])) return [];
    return everyone.filter((user) => user.name.startsWith(at[1]) || user.real_name.toLowerCase().startsWith(at[1].toLowerCase())).slice(0, 6).map((user) => ({ shown: user.real_name, note: `@${user.name}`, from: text.length - at[1].length - 1, put: `@${user.name} ` }));
  };

  const suggest = () => {
    const found = options_();
    choice = Math.min(choice, Math.max(0, found.length - 1));
    menu.hidden = found.length === 0;
    menu.replaceChildren(...found.map((row, n) => el("button", { type: "button", role: "option", class: n === choice ? "chosen" : "", "aria-selected": String(n === choice), onmousedown: (e) => (e.preventDefault(), take(row)) }, el("b", {}, row.shown), el("span", {}, row.note))));
    return found;
  };

  const take = (row) => {
    box.setRangeText(row.put, row.from, box.selectionStart, "end");
    menu.hidden = true;
    grow();
    box.focus();
  };

  const submit = async () => {
    const text = box.value.trim();
    if (!text) return;
    const thread = options.thread();
    if (thread && text.startsWith("/")) return toast("Slash commands are not supported in threads, as in Slack. Use a mention or a button.", "bad");
    box.value = "";
    menu.hidden = true;
    grow();
    const answer = await act("say", { user: store.me, channel: store.channel, text, thread_ts: thread });
    if (answer.ok) return;
    if (!box.value) box.value = text;
    grow();
    const command = text.split(/\s/)[0];
    toast(text.startsWith("/") ? `${command} failed. ${answer.error}` : answer.error, "bad");
  };

  box.addEventListener("input", () => (grow(), suggest()));
  box.addEventListener("blur", () => (menu.hidden = true));
  box.addEventListener("keydown", (event) => {
    const found = menu.hidden ? [] : options_();
    if (found.length && ["ArrowDown", "ArrowUp"].includes(event.key)) {
      event.preventDefault();
      choice = (choice + (event.key === "ArrowDown" ? 1 : found.length - 1)) % found.length;
      suggest();
    } else if (found.length && (event.key === "Tab" || event.key === "Enter")) {
      event.preventDefault();
      take(found[choice]);
    } else if (event.key === "Escape") menu.hidden = true;
    else if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      submit();
    }
  });
  send.addEventListener("click", submit);

  const refresh = () => {
    const channel = store.channels.get(store.channel);
    const place = channel?.is_im ? store.bot.real_name : `#${channel?.name ?? ""}`;
    box.placeholder = options.thread() ? "Reply…" : `Message ${place}`;
    grow();
  };
  return { refresh, focus: () => box.focus({ preventScroll: true }) };
}
