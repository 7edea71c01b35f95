// Menus, pickers and text fields of Block Kit, and what is filled into them.
import { el } from "./dom.js";
import { textObject } from "./mrkdwn.js";

const PEOPLE = { users_select: "users", multi_users_select: "users", channels_select: "channels", conversations_select: "channels", multi_channels_select: "channels", multi_conversations_select: "channels" };
const TYPES = { datepicker: "date", timepicker: "time", number_input: "number", email_text_input: "email", url_text_input: "url" };

/** The control of one element, or null for a kind that is not known. */
export function fieldFor(block, item, context, id) {
  const key = `${block.block_id}/${item.action_id}`;
  const marks = { id, "data-key": key, "data-field": item.type, "data-block": block.block_id, "data-action": item.action_id };
  const chosen = (value, node) => async () => {
    node().dataset.touched = "1";
    if (block.type === "input") return;
    if (item.confirm && !(await context.confirm(item.confirm))) return;
    context.act(block, item, value(), node());
  };
  if (item.type === "plain_text_input" || item.type in TYPES || item.type === "rich_text_input") return typed(item, marks, context);
  if (item.type === "checkboxes" || item.type === "radio_buttons") return choices(item, marks, context, chosen);
  if (!/select$/.test(item.type)) return null;
  const many = item.type.startsWith("multi_");
  const select = el("select", { ...marks, multiple: many, onchange: chosen(() => (many ? picked(select) : select.value), () => select) });
  if (!many) select.append(el("option", { value: "", disabled: block.type !== "input", hidden: block.type !== "input" }, item.placeholder?.text ?? "Choose an option"));
  if (item.type in PEOPLE) {
    const rows = [...context.names[PEOPLE[item.type]].values()].filter((row) => !row.is_im);
    select.append(...rows.map((row) => el("option", { value: row.id }, row.real_name ?? `#${row.name}`)));
    select.value = item.initial_user ?? item.initial_channel ?? item.initial_conversation ?? "";
    return select;
  }
  const one = (option) => el("option", { value: option.value }, option.text.text);
  if (item.option_groups) select.append(...item.option_groups.map((group) => el("optgroup", { label: group.label.text }, group.options.map(one))));
  else select.append(...(item.options ?? []).map(one));
  const first = many ? (item.initial_options ?? []).map((option) => option.value) : [item.initial_option?.value ?? ""];
  for (const option of select.options) option.selected = first.includes(option.value);
  return select;
}

const picked = (select) => [...select.selectedOptions].map((option) => option.value);

function typed(item, marks, context) {
  const tag = item.multiline ? "textarea" : "input";
  const kind = item.multiline ? {} : { type: TYPES[item.type] ?? "text" };
  const initial = item.initial_value ?? item.initial_date ?? item.initial_time ?? "";
  const node = el(tag, {
    ...marks,
    ...kind,
    placeholder: item.placeholder?.text,
    maxlength: item.max_length,
    minlength: item.min_length,
    min: item.min_value,
    max: item.max_value,
    autofocus: item.focus_on_load,
    oninput: () => (node.dataset.touched = "1"),
  });
  node.value = initial;
  return node;
}

function choices(item, marks, context, chosen) {
  const kind = item.type === "checkboxes" ? "checkbox" : "radio";
  const first = kind === "radio" ? [item.initial_option?.value] : (item.initial_options ?? []).map((option) => option.value);
  const holder = el("div", { class: "choices", id: marks.id, role: kind === "radio" ? "radiogroup" : "group" });
  const values = () => [...holder.querySelectorAll("input:checked")].map((box) => box.value);
  const value = () => (kind === "radio" ? values()[0] : values());
  for (const option of item.options) {
    const box = el("input", { ...marks, id: null, "data-key": `${marks["data-key"]}/${option.value}`, type: kind, name: marks.id, value: option.value, onchange: chosen(value, () => holder) });
    box.checked = first.includes(option.value);
    const label = el("span", {}, ...textObject(option.text, context.names));
    holder.append(el("label", {}, box, label, option.description && el("small", {}, ...textObject(option.description, context.names))));
  }
  return holder;
}

/** {block_id: {action_id: value}} of every field inside a part of the page. */
export function valuesIn(holder) {
  const values = {};
  for (const field of holder.querySelectorAll("[data-field]")) {
    const block = (values[field.dataset.block] ??= {});
    const name = field.dataset.action;
    if (field.type === "checkbox") {
      block[name] ??= [];
      if (field.checked) block[name].push(field.value);
    } else if (field.type === "radio") {
      block[name] ??= "";
      if (field.checked) block[name] = field.value;
    } else if (field.multiple) block[name] = picked(field);
    else block[name] = field.value;
  }
  return values;
}
