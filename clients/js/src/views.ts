// What is shown: the conversations in their order, the messages with those that wait and those that are being changed.
import { values } from "./object.js";
import type { About, ShownMessage, State } from "./types.js";

export type ShownConversation = About & { last_message: ShownMessage | null };

/** A function that gives the same object for a key as long as it is made of the same parts. */
export const memo = <Key, Value>(parts: (key: Key) => unknown[], make: (key: Key) => Value): (key: Key) => Value => {
  const kept = new Map<Key, [unknown[], Value]>();
  return (key) => {
    const now = parts(key);
    let known = kept.get(key);
    if (!known?.[0].every((each, index) => each === now[index])) kept.set(key, (known = [now, make(key)]));
    return known![1];
  };
};

/** The messages of a conversation by `seq`, or the replies of a thread that are known; what waits to be sent comes last. */
export const shownMessages = (state: State, id: string, rootId?: string, newest = 0): ShownMessage[] => {
  const conversation = state.conversations[id];
  if (!conversation) return [];
  const letters = state.outbox.filter((each) => each.conversation_id === id);
  return [...conversation.messages, ...letters]
    .slice(-newest)
    .filter((each) => (rootId ? each.thread_id === rootId : !each.seq || each.seq >= conversation.first_seq))
    .map((each) => state.optimistic.reduce((message, { message_id, change }) => (message_id === message.id ? change(message) : message), each));
};

/** The conversations that are not archived (or those that are): pinned ones first, then by their latest message. */
export const shownConversations = (state: State, archived = false): ShownConversation[] => {
  const place = ({ id, pinned, created_at, last_message }: ShownConversation) => `${+pinned} ${last_message?.created_at ?? created_at} ${id}`;
  return values(state.conversations)
    .filter(({ about }) => about.archived === archived)
    .map(({ about }) => ({ ...about, last_message: shownMessages(state, about.id, undefined, 1)[0] ?? null }))
    .sort((a, b) => (place(a) < place(b) ? 1 : -1));
};
