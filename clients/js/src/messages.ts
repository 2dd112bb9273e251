// A conversation's messages: which of two states wins, where a message belongs, what follows from a change.
// Functions that return nothing change the conversation they are given, a copy; its lists and messages are never changed but replaced.
import type { Conversation, Message, ShownMessage } from "./types.js";

const { max, min } = Math;

/** What a message has none of: one that was deleted, or is not sent yet. */
export const NOTHING = {
  message: "",
  edited_at: null,
  deleted_at: null,
  quote: null,
  last_reply_at: null,
  reactions: [],
  mentions: [],
  attachments: [],
  pinned_at: null,
  custom: {},
};

export const find = (conversation: Conversation | undefined, id: string): ShownMessage | undefined =>
  conversation?.messages.find((each) => each.id === id);

// A message without what answers and events carry beside it.
const plain = (data: any, me: string | undefined, known?: Message): ShownMessage => {
  const { conversations, ...message } = data;
  const reactions = message.reactions.map((each: any) => ({
    // Events do not say who `me` is; beyond the first 20 who reacted only what was known tells.
    me: each.user_ids.includes(me) || (each.count > each.user_ids.length && !!reactionOf(known, each.emoji)?.me),
    ...each,
  }));
  return { ...message, reactions, key: data.client_id ?? data.id, status: "sent", error: null };
};

/** Put a state of a message where it belongs, unless a newer one is there. Of older messages only `isShown` brings new ones. */
export const put = (conversation: Conversation, data: any, me?: string, isShown?: boolean): void => {
  const known = find(conversation, data.id);
  if (known && known.version >= data.version) return;
  const isOlder = data.seq < conversation.first_seq && !isShown;
  if (isOlder) changedBelow(conversation, data.version);
  let { messages } = conversation;
  if (known || !isOlder) messages = [...messages.filter((each) => each !== known), plain(data, me, known)].sort((a, b) => a.seq - b.seq);
  // A quote changes with its original, without a version of its own.
  const redrawn: any = { message: [...data.message].slice(0, 200).join(""), deleted_at: data.deleted_at };
  conversation.messages = messages.map((each) => (each.quote?.id === data.id ? { ...each, quote: { ...each.quote, ...redrawn } } : each));
};

/** A message changed of which nothing is known: pages of older messages that were asked for before are out of date. */
export const changedBelow = (conversation: Conversation, version: number): void => {
  conversation.changed_below = max(conversation.changed_below, version);
};

/** What is left of a deleted message. */
export const tombstone = <Kind>(message: Kind, deleted_at: string): Kind => ({ ...message, ...NOTHING, deleted_at });

export const reactionOf = (message: Message | undefined, emoji: string | undefined) => message?.reactions.find((each) => each.emoji === emoji);

/** The message with one reaction more or less. */
export const react = <Kind extends Message>(message: Kind, { emoji, user_id, added, count }: any, me?: string): Kind => {
  const known = reactionOf(message, emoji);
  const others = (known?.user_ids ?? []).filter((id) => id !== user_id);
  const changed = { emoji, count, user_ids: added ? [...others, user_id].slice(0, 20) : others, me: user_id === me ? added : !!known?.me };
  const reactions = known ? message.reactions.map((each) => (each === known ? changed : each)) : [...message.reactions, changed];
  return { ...message, reactions: reactions.filter((each) => each.count > 0) };
};

/** Move the user's own read pointer, forward only, and count again what is unread. */
export const moveOwn = ({ about, messages }: Conversation, read: number): void => {
  const to = max(about.last_read_seq, min(read, about.last_seq));
  const unread = messages.filter((each) => each.seq > to && each.type !== "system").length;
  if (to > about.last_read_seq) about.unread_count = min(unread, about.unread_count);
  about.last_read_seq = to;
  about.last_delivered_seq = max(about.last_delivered_seq, to);
};
