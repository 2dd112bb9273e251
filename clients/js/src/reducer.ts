// The rules of docs/clients.md: what the client knows after something happened. Pure: the same actions, the same state.
import { opened, synced, take, takePage, type Page } from "./conversation.js";
import { moveOwn } from "./messages.js";
import { assign, keys } from "./object.js";
import type { Conversation, State, SyncAnswer } from "./types.js";

export type Action =
  /** The state of the connection, what was restored, … */
  | { type: "set"; state: Partial<State> }
  /** `asked`: what was known when the sync was asked for. */
  | { type: "synced"; answer: SyncAnswer; asked?: State["conversations"] }
  /** `at`: when it was heard, in milliseconds. */
  | { type: "event"; name: string; data: any; at: number }
  | ({ type: "page"; conversation_id: string } & Page);

/** More that follows from an action. It may change the state, a copy, but nothing in it: that is replaced. */
export type Rule = (state: State, action: Action, before: State) => void;

export const emptyState: State = {
  status: "connecting",
  error: null,
  me: null,
  cursor: null,
  conversations: {},
  removed: {},
  outbox: [],
  optimistic: [],
  typing: {},
  presence: {},
  needs_sync: false,
};

export const reduce = (before: State, action: Action, rules: Iterable<Rule> = []): State => {
  const state = { ...before };
  if (action.type === "set") assign(state, action.state);
  else if (action.type === "synced") takeAnswer(state, action.answer, action.asked ?? state.conversations);
  else if (action.type === "event") takeEvent(state, action.name, action.data);
  else edit(state, action.conversation_id, (known) => takePage(known, action, state.me?.id));
  for (const rule of rules) rule(state, action, before);
  prune(state);
  return isSame(state, before) ? before : state;
};

/** Conversations in which something is missing. */
export const gaps = ({ conversations }: State): string[] => keys(conversations).filter((id) => conversations[id]!.held.length);

const takeAnswer = (state: State, { user, conversations, removed, cursor, reset }: SyncAnswer, asked: State["conversations"]): void => {
  const me = user ?? state.me;
  if (state.me && me!.id !== state.me.id) {
    assign(state, emptyState, { status: state.status, me, needs_sync: true }); // another user's, and all of it
    return;
  }
  const known = { ...(reset ? {} : state.conversations) };
  const gone = { ...(reset ? {} : state.removed) };
  assign(state, { me, cursor, conversations: known, removed: gone });
  for (const id of removed) {
    if (known[id] && !asked[id]) state.needs_sync = true; // opened again meanwhile, perhaps
    else delete known[id];
  }
  for (const each of conversations) {
    const id = each.id!;
    if (each.recovered === undefined && !(known[id]?.version! >= each.version!)) {
      assign(state, { cursor: null, needs_sync: true }); // the cursor promises more than is here: ask by versions
    } else if (known[id] || !(gone[id]! >= each.version!)) {
      known[id] = synced(known[id], each, me?.id, asked[id]);
      delete gone[id];
    } // else it was left since then
  }
};

const takeEvent = (state: State, name: string, data: any): void => {
  const { conversation_id: id, version, last_seq, read_seq } = data;
  const { [id]: known, ...others } = state.conversations;
  const { [id]: left = -1, ...removed } = state.removed;
  const me = state.me?.id;
  if (name === "removedFromConversation" || name === "conversationDeleted") {
    if (known && known.version > version) return; // and was added again since then
    assign(state, { conversations: others, removed: { ...removed, [id]: Math.max(left, version) } });
  } else if (name === "receipt") {
    if (!known || data.user_id !== me) return;
    if (read_seq < known.about.last_read_seq) state.needs_sync = true; // late, or marked unread: a sync knows
    else edit(state, id, (conversation) => moveOwn(conversation, read_seq));
  } else if (name === "conversationSettings") {
    edit(state, id, ({ about }) => assign(about, data));
    state.needs_sync = true; // a sync that is under way may have been answered before
  } else if (!id || typeof version !== "number") return;
  else if (known) edit(state, id, (conversation) => take(conversation, { name, data }, me));
  else if (version <= left) return;
  else if (name === "newConversation") {
    assign(state, { removed, conversations: { ...others, [id]: opened(data) } });
    state.needs_sync ||= last_seq > 0; // it has messages already
  } else state.needs_sync = true; // it overtook its conversation
};

// Drop what the conversations show by now: letters that arrived, changes that were heard of.
const prune = (state: State): void => {
  const isKnown = (id: string, version: number | undefined) => version && (state.conversations[id]?.version ?? Infinity) >= version;
  const left = <Item>(list: readonly Item[], isDone: (item: Item) => unknown) => (list.some(isDone) ? list.filter((each) => !isDone(each)) : list);
  state.optimistic = left(state.optimistic, (each) => isKnown(each.conversation_id, each.version));
  state.outbox = left(state.outbox, ({ conversation_id: id, key, version }) =>
    // Acknowledged and known, or brought by a sync while the answer was lost.
    isKnown(id, version) || state.conversations[id]?.messages.some((each) => each.key === key),
  );
};

/** Change a conversation, if it is known. */
export const edit = (state: State, id: string, change: (conversation: Conversation) => void): void => {
  const known = state.conversations[id];
  if (!known) return;
  const copy = { ...known, about: { ...known.about } };
  change(copy);
  if (isSame(copy.about, known.about)) copy.about = known.about;
  if (!isSame(copy, known)) state.conversations = { ...state.conversations, [id]: copy };
};

const isSame = (a: any, b: any) => keys(a).every((key) => a[key] === b[key]);
