// The rule behind `more`: what follows from an action beyond the messages themselves. Pure, like the reducer that calls it.
import { entries, fromEntries } from "./object.js";
import { movePointers, takeMembers } from "./receipts.js";
import { edit, type Action, type Rule } from "./reducer.js";
import type { Conversation, State } from "./types.js";

export const follow: Rule = (state, action, before) => {
  if (action.type === "event") takeEvent(state, action.name, action.data, action.at);
  if (action.type === "synced") takeAnswer(state, action);
  const status = action.type === "set" && action.state.status;
  if (status === "syncing") each(state, (conversation) => (conversation.receipts_fresh = false)); // unheard, before
  if (status === "offline") state.typing = {};
  if (state.conversations === before.conversations) return;
  for (const id in state.conversations) {
    const known = before.conversations[id];
    if (state.conversations[id] !== known) edit(state, id, (conversation) => compare(conversation, known));
  }
};

function takeEvent(state: State, name: string, data: any, at: number): void {
  const { conversation_id: id, user_id, read_seq, delivered_seq = read_seq } = data;
  switch (name) {
    case "message":
      return takeTyping(state, id, user_id, 0);
    case "typing":
      return takeTyping(state, id, user_id, data.is_typing ? at + (data.expires_in ?? 7) * 1000 : 0);
    case "presence":
      state.presence = { ...state.presence, [user_id]: { online: data.online, last_seen_at: data.last_seen_at } };
      return;
    case "userUpdated":
      return takeProfile(state, data);
    case "receipt":
      edit(state, id, (conversation) => {
        movePointers(conversation, user_id, read_seq, delivered_seq);
        if (user_id === state.me?.id) moveDelivered(conversation, delivered_seq);
      });
  }
}

function takeAnswer(state: State, { answer }: Extract<Action, { type: "synced" }>): void {
  for (const { id, recovered, last_delivered_seq } of answer.conversations) {
    edit(state, id!, (conversation) => {
      if (recovered === false) conversation.receipts_fresh = false;
      moveDelivered(conversation, last_delivered_seq ?? 0);
    });
  }
}

const moveDelivered = ({ about }: Conversation, seq: number) => {
  about.last_delivered_seq = Math.max(about.last_delivered_seq, Math.min(seq, about.last_seq));
};

// `until`: 0 for who has stopped.
function takeTyping(state: State, id: string, userId: string, until: number): void {
  const { [userId]: known, ...others } = state.typing[id] ?? {};
  if (until || known) state.typing = { ...state.typing, [id]: until ? { ...others, [userId]: until } : others };
}

// A profile has no version: take it wherever the person is shown.
function takeProfile(state: State, { id, username, avatar_url = null }: any): void {
  const renamed = <Person extends { id: string } | null | undefined>(person: Person): Person =>
    person?.id === id ? { ...person, username, avatar_url } : person;
  state.me = renamed(state.me);
  each(state, (conversation) => {
    conversation.about.participants = conversation.about.participants.map(renamed);
    conversation.messages = conversation.messages.map((message) => {
      const [users, quoted] = [renamed(message.users), renamed(message.quote?.users)];
      if (users === message.users && quoted === message.quote?.users) return message;
      return { ...message, users, quote: message.quote && { ...message.quote, users: quoted! } };
    });
  });
}

function compare(conversation: Conversation, before: Conversation | undefined): void {
  const { about } = conversation;
  const last = before?.about.last_seq ?? 0;
  conversation.receipts ??= {};
  if (about.participants !== before?.about.participants) takeMembers(conversation, before?.about.participants ?? []);
  for (const { seq, type, user_id } of conversation.messages) {
    if (seq > last && type !== "system") movePointers(conversation, user_id, seq); // sending reads
  }
  if (before && about.oldest_seq > before.about.oldest_seq) sweep(conversation, before);
}

// The quotes and threads of what retention has removed.
function sweep(conversation: Conversation, before: Conversation): void {
  const { oldest_seq } = conversation.about;
  const swept = before.messages.filter((each) => each.seq < oldest_seq).map((each) => each.id);
  conversation.messages = conversation.messages
    .map((each) => (each.quote && each.quote.seq < oldest_seq ? { ...each, reply_to: null, quote: null } : each))
    .map((each) => (swept.includes(each.thread_id!) ? { ...each, thread_id: null } : each));
}

function each(state: State, change: (conversation: Conversation) => void): void {
  const changed = entries(state.conversations).map(([id, known]) => {
    const copy = { ...known, about: { ...known.about } };
    change(copy);
    return [id, copy];
  });
  state.conversations = fromEntries(changed);
}
