// What the page knows. Filled by page.js from the live feed, read by the parts that draw.
export const store = {
  me: "",
  channel: "",
  thread: "",
  home: false,
  bot: {},
  commands: [],
  users: new Map(),
  channels: new Map(),
  usergroups: new Map(),
  messages: new Map(),
  views: {},
  homes: {},
  unread: new Map(),
};

export const names = { get users() { return store.users; }, get channels() { return store.channels; }, get usergroups() { return store.usergroups; }, get me() { return store.me; } };

export const keyOf = (message) => `${message.channel}|${message.ts}`;

export const isReply = (message) => Boolean(message.thread_ts) && message.thread_ts !== message.ts;

/** Whether the present person sees a message in the channel list (not only in a thread). */
export const inRoom = (message) => message.channel === store.channel && visible(message) && (!isReply(message) || message.broadcast);

export const inThread = (message) => message.channel === store.channel && visible(message) && (message.ts === store.thread || message.thread_ts === store.thread);

export const visible = (message) => !message.visible_to || message.visible_to === store.me;

export const people = () => [...store.users.values()].filter((user) => !user.is_bot && !user.deleted);

export const myChannels = () => [...store.channels.values()].filter((channel) => channel.members.includes(store.me));

export const replies = (channel, ts) => [...store.messages.values()].filter((m) => m.channel === channel && m.thread_ts === ts && m.ts !== ts && visible(m)).sort((a, b) => (a.ts < b.ts ? -1 : 1));
