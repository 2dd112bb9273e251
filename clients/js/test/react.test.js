// The hooks, rendered by React into a document, on a chat whose server is played by the test.
import assert from "node:assert/strict";
import { after as atEnd, before, test } from "node:test";
import { parseHTML } from "linkedom";
import { answer, event, ID, message, OTHER, whole } from "./samples.js";

const { document, window } = parseHTML("<!doctype html><html><body></body></html>");
Object.assign(globalThis, { document, window, navigator: { userAgent: "" }, IS_REACT_ACT_ENVIRONMENT: true });
const { act, createElement } = await import("react");
const { createRoot } = await import("react-dom/client");
const hooks = await import("../dist/react.js");
const { follow } = await import("../dist/more.js");
const { emptyState, reduce, shownConversations, shownMessages } = await import("../dist/chat.js");

/** A chat with the state of the real one and no server: what it is told to do is noted. */
function fakeChat(...actions) {
  const rules = [follow];
  let state = actions.reduce((before, action) => reduce(before, action, rules), { ...emptyState, me: { id: "me", username: "me" } });
  const listeners = new Set();
  const done = [];
  const note = (name) => (...args) => (done.push([name, ...args]), () => done.push([`end ${name}`, ...args]));
  let views;
  const view = () => (views?.state === state ? views : (views = { state, list: shownConversations(state), messages: {} }));
  return {
    done,
    dispatch(action) {
      state = reduce(state, action, rules);
      listeners.forEach((listener) => listener());
    },
    subscribe: (listener) => (listeners.add(listener), () => listeners.delete(listener)),
    state: () => state,
    conversations: () => view().list,
    messages: (id) => (view().messages[id] ??= shownMessages(state, id)),
    unread: (id) => state.conversations[id]?.about.unread_count ?? 0,
    whoIsTyping: (id) => (view().typing ??= Object.keys(state.typing[id] ?? {})),
    ...Object.fromEntries(["open", "markRead", "send", "typing", "watchPresence", "loadOlder"].map((name) => [name, note(name)])),
  };
}

let root;
before(() => (root = createRoot(document.body)));
atEnd(() => act(() => root.unmount()));
const render = (chat, Component) => act(() => root.render(createElement(hooks.ChatProvider, { chat }, createElement(Component))));
const text = () => document.body.textContent;

test("the hooks show the state and follow it", async () => {
  const chat = fakeChat({ type: "synced", answer: answer([whole([message(1, 2)])]) });
  let send, typing;
  function Screen() {
    const { messages, hasOlder } = hooks.useMessages(ID);
    send = hooks.useSend(ID);
    const typed = hooks.useTyping(ID);
    ({ typing } = typed);
    const presence = hooks.usePresence([OTHER]);
    const names = hooks.useConversations().map((each) => each.name);
    return [hooks.useConnection().status, names, messages.map((each) => each.message), hasOlder, hooks.useUnread(ID), typed.userIds, presence[OTHER]?.online ?? null]
      .map((each) => JSON.stringify(each)).join(" ");
  }
  await render(chat, Screen);
  assert.equal(text(), '"connecting" ["Tea"] ["text 1"] false 1 [] null');
  assert.deepEqual(chat.done, [["open", ID], ["markRead", ID, 1], ["watchPresence", [OTHER]]]);
  await act(() => {
    chat.dispatch({ type: "set", state: { status: "live" } });
    chat.dispatch(event("message", message(2, 3)));
    chat.dispatch(event("typing", { user_id: OTHER, is_typing: true }));
    chat.dispatch({ type: "event", name: "presence", data: { user_id: OTHER, online: true, last_seen_at: null }, at: 0 });
  });
  assert.equal(text(), `"live" ["Tea"] ["text 1","text 2"] false 2 ["${OTHER}"] true`);
  assert.deepEqual(chat.done.at(-1), ["markRead", ID, 2]);
  send("hi");
  typing();
  assert.deepEqual(chat.done.slice(-2), [["send", ID, "hi"], ["typing", ID, undefined]]);
});

test("a hook renders again only when what it shows has changed", async () => {
  const chat = fakeChat({ type: "synced", answer: answer([whole([message(1, 2)])]) });
  let renders = 0;
  const Count = () => (renders++, String(hooks.useUnread(ID)));
  await render(chat, Count);
  await act(() => chat.dispatch({ type: "set", state: { status: "live" } }));
  assert.equal(renders, 1);
  await act(() => chat.dispatch(event("message", message(2, 3))));
  assert.deepEqual([renders, text()], [2, "2"]);
});

test("a screen that goes ends what it watched", async () => {
  const chat = fakeChat({ type: "synced", answer: answer([whole([])]) });
  await render(chat, () => (hooks.useMessages(ID), hooks.usePresence([OTHER]), "here"));
  await render(chat, () => "gone");
  assert.deepEqual(chat.done.map(([name]) => name), ["open", "watchPresence", "end open", "end watchPresence"]);
});

test("without a provider it says so", async () => {
  const lone = createRoot(document.createElement("div"));
  await assert.rejects(async () => act(() => lone.render(createElement(() => hooks.useUnread()))), /ChatProvider/);
});
