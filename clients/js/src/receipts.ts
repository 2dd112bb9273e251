// How far the others have read, and that messages have been delivered here.
import type { Chat } from "./chat.js";
import { createTimer } from "./core.js";
import { entries, fromEntries } from "./object.js";
import type { Conversation, Participant, Pointers, Receipt } from "./types.js";

const { max } = Math;

/** In milliseconds. */
const enum Times {
  delivered = 400,
  again = 5000,
  receipts = 1000,
}

/** Move a member's pointers; they only go forward. */
export const movePointers = (conversation: Conversation, userId: string, read: number, delivered = read): void => {
  const { read_seq = 0, delivered_seq = 0 }: Partial<Pointers> = conversation.receipts?.[userId] ?? {};
  const moved = { read_seq: max(read_seq, read), delivered_seq: max(delivered_seq, delivered, read) };
  conversation.receipts = { ...conversation.receipts, [userId]: moved };
};

/** Pointers of those who have left go; those of who came are not known. */
export const takeMembers = (conversation: Conversation, before: readonly Participant[]): void => {
  const { participants, member_count } = conversation.about;
  const [known, here] = [before, participants].map((list) => new Set(list.map((each) => each.id)));
  if (participants.some((each) => !known!.has(each.id))) conversation.receipts_fresh = false;
  if (member_count > participants.length) return; // the others are on other pages
  conversation.receipts = fromEntries(entries(conversation.receipts ?? {}).filter(([id]) => here!.has(id)));
};

/** A function that keeps the others' pointers in a conversation up to date while its screen is open; returns how to end that. */
export const createScreens = ({ state, subscribe, dispatch, request, loadOlder }: Chat, report: (error: unknown) => void) => {
  const screens = new Set<{ id: string }>();
  const asking = new Set<string>();

  const loadReceipts = async (id: string) => {
    if (asking.has(id)) return;
    asking.add(id);
    try {
      const { body } = await request<Receipt[]>("GET", `/conversations/${id}/receipts`);
      const known = state().conversations[id];
      const next = { ...known!, receipts_fresh: true };
      for (const { user_id, read_seq, delivered_seq } of body) movePointers(next, user_id, read_seq, delivered_seq);
      if (known) dispatch({ type: "set", state: { conversations: { ...state().conversations, [id]: next } } });
    } catch (error) {
      report(error);
    }
    setTimeout(() => {
      asking.delete(id);
      refresh(); // out of date again meanwhile, or it failed
    }, Times.receipts);
  };

  const refresh = () => {
    if (state().status !== "live") return;
    for (const { id } of screens) {
      const known = state().conversations[id];
      if (known && !known.receipts_fresh) void loadReceipts(id);
      if (known?.has_older && !known.messages.length) loadOlder(id).catch(report);
    }
  };

  subscribe(refresh);
  return (id: string) => {
    const screen = { id };
    screens.add(screen);
    refresh();
    return () => void screens.delete(screen);
  };
};

/** Report what has arrived, a moment later and one conversation after the other. */
export const reportDelivered = ({ state, subscribe, dispatch, socket }: Chat): void => {
  const timer = createTimer();
  let seen = state().conversations;
  let isLive = false;
  const waiting = new Set<string>();

  const flush = async () => {
    for (const id of waiting) {
      const { last_seq = 0, last_delivered_seq = 0 } = state().conversations[id]?.about ?? {};
      if (state().status !== "live") return;
      waiting.delete(id);
      if (last_seq <= last_delivered_seq) continue;
      const data = await socket.timeout(10_000).emitWithAck("receipt", { conversation_id: id, delivered_seq: last_seq }).catch(() => ({ error: {} }));
      if (!data.error) dispatch({ type: "event", name: "receipt", data, at: Date.now() });
      else if (!(data.error.status >= 400 && data.error.status < 500) || data.error.status === 429) {
        waiting.add(id);
        return timer._start(flush, (data.error.retry_after ?? 0) * 1000 || Times.again);
      }
    }
  };

  subscribe(() => {
    const { status, conversations } = state();
    const hasBegun = status === "live" && !isLive;
    isLive = status === "live";
    for (const id in conversations) {
      const isNew = hasBegun || conversations[id] !== seen[id];
      if (isLive && isNew && conversations[id]!.about.last_seq > conversations[id]!.about.last_delivered_seq) waiting.add(id);
    }
    if (isLive) seen = conversations;
    if (waiting.size) timer._start(flush, Times.delivered);
  });
};

