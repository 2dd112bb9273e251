// What one conversation becomes by an event, an answer of sync, or a page of older messages.
// Functions that return nothing change the conversation they are given, a copy; its lists and messages are never changed but replaced.
import { changedBelow, find, moveOwn, put, react, tombstone } from "./messages.js";
import { assign, fromEntries } from "./object.js";
import type { About, Change, Conversation, Message, SyncedConversation } from "./types.js";

const enum Most {
  /** Events beyond a gap; a sync brings what is dropped. */
  held = 100,
}

const about = ({ messages, last_message, recovered, ...rest }: any): About => rest;

/** A conversation that was just heard of: events are the same for all, they do not have what is a member's own. */
export const opened = (data: any): Conversation => ({
  about: assign({ unread_count: 0, last_read_seq: 0, last_delivered_seq: 0, pinned: false, archived: false, muted_until: null, notifications: null }, about(data)),
  version: data.version,
  messages: [],
  first_seq: data.last_seq + 1,
  has_older: data.last_seq >= data.oldest_seq,
  held: [],
  changed_below: 0,
});

/** Take an event by its version: apply it, drop what is known, hold back what lies beyond a gap. */
export const take = (conversation: Conversation, change: Change, me?: string): void => {
  const { version, from_version = version } = change.data;
  if (version <= conversation.version) return;
  if (from_version > conversation.version + 1) {
    const others = conversation.held.filter((each) => each.data.version !== version);
    conversation.held = [...others, change].sort((a, b) => a.data.version - b.data.version).slice(0, Most.held);
    return;
  }
  apply(conversation, change, me);
  conversation.version = conversation.about.version = version;
  release(conversation, me);
};

// Take what was held back: what has become the next one is applied, the rest held back again.
const release = (conversation: Conversation, me?: string): void => {
  const { held } = conversation;
  if (held.length) conversation.held = [];
  for (const change of held) take(conversation, change, me);
};

const apply = (conversation: Conversation, { name, data }: Change, me?: string): void => {
  const { version, thread, seq } = data;
  const { about: known } = conversation;
  if (name === "messageUpdated") put(conversation, data, me);
  else if (name === "message") {
    put(conversation, data, me);
    if (seq > known.last_seq) {
      known.last_seq = seq;
      if (data.type !== "system") {
        known.archived &&= Date.parse(known.muted_until ?? "") > Date.parse(data.created_at);
        if (data.user_id === me) moveOwn(conversation, seq); // sending reads
        else known.unread_count++;
      }
    }
  } else if (name === "messageDeleted") {
    const { id } = data;
    put(conversation, { ...tombstone(find(conversation, id) ?? { seq: 0 }, data.deleted_at), id, version }, me);
  } else if (name === "reaction") {
    const message = find(conversation, data.message_id);
    if (message) put(conversation, { ...react(message, data, me), version }, me);
    else changedBelow(conversation, version);
  } else if (data.participants) assign(known, about(data));
  // else `version`, or what later servers send: the number is all there is to take
  if (!thread) return;
  const root = find(conversation, thread.id);
  if (root) put(conversation, { ...root, ...thread, ...(root.deleted_at && { last_reply_at: null }), version }, me);
  else changedBelow(conversation, version);
};

/** What a conversation has become by an answer of sync; `asked`: what it was when that was asked for. */
export const synced = (known: Conversation | undefined, answer: SyncedConversation, me?: string, asked?: Conversation): Conversation => {
  const { messages = [], recovered, version, ...fresh } = answer as any;
  const next: Conversation = known ? { ...known } : opened(answer);
  if (!known || recovered === false) {
    // Too much has changed: the newest page is a new beginning. Only what an event brought since then stays.
    const first_seq = recovered ? 1 : (messages[0]?.seq ?? fresh.last_seq + 1);
    const kept = next.messages.filter((each) => each.version > version && each.seq >= first_seq);
    assign(next, { first_seq, has_older: first_seq > fresh.oldest_seq, messages: kept, changed_below: version });
  }
  for (const message of messages) put(next, message, me);
  const isNewer = version >= next.version; // else events have told more since then, but not of what has no version
  const { oldest_seq } = fresh;
  const unversioned = ["pinned", "archived", "muted_until", "notifications", "oldest_seq"].map((name) => [name, fresh[name]]);
  const before = next.about;
  next.about = { ...before, ...(isNewer ? about(answer) : fromEntries(unversioned)) };
  next.version = next.about.version = Math.max(version, next.version);
  const { last_read_seq } = before;
  if (!isNewer) moveOwn(next, fresh.last_read_seq);
  else if (asked && last_read_seq > asked.about.last_read_seq) moveOwn(next, last_read_seq); // read on while it was under way
  next.messages = next.messages.filter((each) => each.seq >= oldest_seq); // retention has removed the others
  next.has_older &&= next.first_seq > oldest_seq;
  release(next, me);
  return next;
};

export interface Page {
  messages: readonly Message[];
  /** The version that was known when the page was asked for. */
  asked: number;
  /** For a page right before the messages: where they began when it was asked for. */
  before_seq?: number;
}

/** Take a page of older messages, unless it may be out of date. */
export const takePage = (conversation: Conversation, { messages, asked, before_seq }: Page, me?: string): void => {
  if (conversation.changed_below > asked || (before_seq && before_seq !== conversation.first_seq)) return;
  for (const message of messages) put(conversation, message, me, true);
  if (!before_seq) return;
  conversation.first_seq = messages[0]?.seq ?? before_seq;
  conversation.has_older = messages.length > 0 && conversation.first_seq > conversation.about.oldest_seq;
};
