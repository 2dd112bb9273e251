// The outbox and the changes under way, as part of the state: what is still shown beside what the server said.
import type { Letter, Optimistic, State } from "./types.js";

/** Add a letter, or replace the one with its `client_id`; their order stays. */
export function put(outbox: readonly Letter[], letter: Letter): readonly Letter[] {
  const isKnown = outbox.some((each) => each.client_id === letter.client_id);
  return isKnown ? outbox.map((each) => (each.client_id === letter.client_id ? letter : each)) : [...outbox, letter];
}

/** A change was answered: with a version it stays until that version is known, without one it is taken back. */
export function answered(state: State, id: string, version: number | null): State {
  const optimistic = state.optimistic.flatMap((each): Optimistic[] => {
    if (each.id !== id) return [each];
    return version === null ? [] : [{ ...each, version }];
  });
  return { ...state, optimistic };
}

/** Drop what the conversations show by now: letters that arrived, changes that were heard of. */
export function prune(state: State): State {
  const version = (id: string) => state.conversations[id]?.version ?? Infinity;
  const optimistic = state.optimistic.filter((each) => each.version === undefined || version(each.conversation_id) < each.version);
  const outbox = state.outbox.filter((each) => !hasArrived(state, each));
  const isSame = optimistic.length === state.optimistic.length && outbox.length === state.outbox.length;
  return isSame ? state : { ...state, optimistic, outbox };
}

// Acknowledged and known, or brought by a sync whose answer was not lost.
function hasArrived(state: State, { conversation_id, client_id, message }: Letter): boolean {
  const conversation = state.conversations[conversation_id];
  if (message && (!conversation || conversation.version >= message.version)) return true;
  return !!conversation?.messages.some((each) => each.client_id === client_id && each.user_id === state.me?.id);
}
