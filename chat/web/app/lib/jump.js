// A message that somebody wants to see: of a search, a quote, a pin.
let wanted = null;
let listener = () => {};

export function lookFor(conversationId, { id, seq }) {
  wanted = { conversationId, id, seq };
  listener();
}

/** Call `show` with what is looked for in this conversation, now and later; returns how to end that. */
export function whenLookedFor(conversationId, show) {
  const take = () => {
    if (wanted?.conversationId !== conversationId) return;
    const { id, seq } = wanted;
    wanted = null;
    show(id, seq);
  };
  listener = take;
  take();
  return () => {
    if (listener === take) listener = () => {};
  };
}
