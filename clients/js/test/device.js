// The client, driven by a test of the server: a line of JSON on stdin is something to do, [name, ...arguments]; what
// comes of it is a line on stdout, ["answer", outcome]. The end of stdin ends it.
import { createInterface } from "node:readline";
import { createChat, gaps } from "../dist/chat.js";
import { more } from "../dist/more.js";
import { fileStore } from "./file-store.js";

const [given, path] = process.argv.slice(2);
const options = JSON.parse(given);
const errors = [];
const heard = [];
let tokens = options.tokens;
const onError = (error) => errors.push(String(error));
const created = createChat({
  ...options,
  ...(tokens && { token: () => (tokens.length > 1 ? tokens.shift() : tokens[0]) }),
  ...(path && { store: fileStore(path) }),
  onError,
});
const chat = more(created, { delivered: options.delivered, onError });

// A bad line: events overtake each other, come late, or come twice.
let late = 0;
if (options.unruly) {
  const deliver = chat.socket.onevent.bind(chat.socket);
  chat.socket.onevent = (packet) => {
    const { data } = packet;
    const chance = Math.random();
    if (chance < 0.6) deliver(packet);
    if (chance < 0.5) return;
    late++;
    setTimeout(() => (late--, deliver({ ...packet, data })), Math.random() * 400);
  };
}

const until = async (holds, seconds = 15) => {
  const deadline = Date.now() + seconds * 1000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`not within ${seconds} seconds: ${JSON.stringify(chat.state(), null, 1).slice(0, 3000)}`);
    await new Promise((resume) => setTimeout(resume, 5));
  }
};
const isQuiet = () => {
  const { status, needs_sync, outbox, optimistic } = chat.state();
  const isSent = outbox.every((letter) => letter.status === "failed");
  return status === "live" && !late && !needs_sync && isSent && !optimistic.length && !gaps(chat.state()).length;
};

const actions = {
  status: (wanted, seconds) => until(() => chat.state().status === wanted, seconds).then(() => chat.state().error?.code ?? null),
  now: () => chat.state().status,
  // Everything that was sent to it before now has been handled, and whatever follows from it.
  async settle() {
    await until(isQuiet);
    await chat.socket.timeout(5000).emitWithAck("no such event", {}).catch(() => {});
    await until(isQuiet);
    return null;
  },
  sendAndShow: (id, text) => (chat.send(id, text), chat.messages(id)),
  // What is shown while the answer is on its way.
  tryAndShow(id, name, ...data) {
    chat[name](...data).catch(() => {});
    return chat.messages(id);
  },
  uploadText: (name, text) => chat.upload(new Blob([text], { type: "text/plain" }), name),
  until: (id, count) => until(() => chat.messages(id).filter((each) => each.status === "sent").length >= count).then(() => chat.messages(id)),
  conversations: () => chat.conversations(),
  conversation: (id) => chat.state().conversations[id] ?? null,
  outbox: () => chat.state().outbox,
  state: () => chat.state(),
  // As a broken line does, before the connection is open too; `engine.close()` is the app's own end of it.
  cut: () => (chat.socket.io.engine.transport.onError("cut"), null),
  connect: (token) => (token && (tokens = undefined), chat.connect(token), null),
  // Connect, and disconnect when the answer of the first sync is there and not yet taken.
  leaveAtAnswer() {
    const { socket } = chat;
    const answered = socket.onack;
    const left = new Promise((resolve) => {
      socket.onack = function (packet) {
        socket.onack = answered;
        answered.call(socket, packet);
        chat.disconnect();
        setTimeout(resolve, 20);
      };
    });
    chat.connect();
    return left;
  },
  // How far everybody has read, in all conversations.
  async receipts() {
    const closing = Object.keys(chat.state().conversations).map((id) => chat.open(id));
    await until(() => Object.values(chat.state().conversations).every((each) => each.receipts_fresh));
    closing.forEach((close) => close());
    return chat.state().conversations;
  },
  errors: () => errors.splice(0),
  listen: (name) => (chat.socket.on(name, (data) => heard.push([name, data])), null),
  heard: () => heard.splice(0),
};
const call = async (name, ...data) => {
  if (actions[name]) return (await actions[name](...data)) ?? null;
  const outcome = await chat[name](...data);
  return typeof outcome === "function" ? null : (outcome ?? null);
};

for await (const line of createInterface({ input: process.stdin })) {
  const [name, ...data] = JSON.parse(line);
  try {
    console.log(JSON.stringify(["answer", await call(name, ...data)]));
  } catch (error) {
    console.log(JSON.stringify(["answer", { failed: error.code ?? String(error.stack) }]));
  }
}
chat.disconnect();
setTimeout(() => process.exit(0), 50);
