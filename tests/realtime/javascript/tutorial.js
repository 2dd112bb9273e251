// The tutorial's mobile client without its screens: the calls it makes, with the socket.io-client it pins, and what it
// shows. A line of JSON on stdin is something that its user does, [name, ...arguments]; the outcome is a line on
// stdout, ["answer", outcome]. The end of stdin ends it.
import { createInterface } from "node:readline";
import { io } from "socket.io-client-4.5.4";

const [url] = process.argv.slice(2);
let me, socket;
let conversations = []; // as listed, and then as heard of
let messages = {}; // by conversation, in the order in which they are shown

const request = async (path, body) => {
  const options = body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(url + path, options);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
};
const show = ({ id, conversation_id, message, users }) =>
  (messages[conversation_id] ??= []).push({ id, message, mine: users.id === me.id });
const until = async (holds) => {
  while (!holds()) await new Promise((resume) => setTimeout(resume, 10));
};

const actions = {
  async signUp(username) {
    me = await request("/users/create", { username });
    socket = io(url);
    socket.on("newConversation", (conversation) => conversations.push(conversation));
    socket.on("message", show);
    socket.on("connect_error", (error) => { throw error; });
    socket.once("connect", () => socket.emit("join", { ...me, online: true })); // once: not after a reconnect
    return me;
  },
  // Not a call of the client's: `join` is not acknowledged, and the test has to know that it has been handled.
  async joined() {
    await until(() => socket.connected);
    const answer = () => new Promise((resolve) => socket.emit("receipt", { conversation_id: me.id, read_seq: 1 }, resolve));
    while ((await answer()).error.code === "authentication_required");
  },
  people: () => request(`/users/search?user_id=${me.id}`),
  async list() {
    conversations = await request(`/conversations?user_id=${me.id}`);
    messages = {};
    conversations.forEach((conversation) => conversation.messages.forEach(show));
    return conversations;
  },
  open: (other, group_name) =>
    request("/conversations/create", { owner_id: other, participant_ids: [me.id, other], group_name }),
  async read(conversation) {
    messages[conversation] = [];
    (await request(`/conversations/${conversation}/messages`)).forEach(show);
    return messages[conversation];
  },
  async send(conversation, message) {
    show(await request(`/conversations/${conversation}/messages/create`, { user_id: me.id, message }));
    return messages[conversation];
  },
  async heardOf() {
    await until(() => conversations.length);
    return conversations;
  },
  async shown(conversation, count) {
    await until(() => messages[conversation]?.length >= count);
    return messages[conversation];
  },
};

const lines = createInterface({ input: process.stdin });
for await (const line of lines) {
  const [name, ...data] = JSON.parse(line);
  console.log(JSON.stringify(["answer", await actions[name](...data)]));
}
socket?.disconnect();
