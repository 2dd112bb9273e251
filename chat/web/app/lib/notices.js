// What is said to the reader: notices that everyone sees, and news for readers of screens.
let listeners = [];

export const hear = (listener) => {
  listeners = [...listeners, listener];
  return () => (listeners = listeners.filter((each) => each !== listener));
};

const say = (kind, text) => listeners.forEach((listener) => listener(kind, text));

export const notify = (text) => say("notice", text);
export const announce = (text) => say("news", text);

/** Do it; say so when the server refuses. Returns undefined then. */
export async function attempt(work) {
  try {
    return await work();
  } catch (error) {
    notify(error.code === "no_answer" ? "There is no connection. Try again when it is back." : error.message);
    return undefined;
  }
}
