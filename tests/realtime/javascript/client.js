// The official client, driven by a test: a line of JSON on stdin is an event to send, [name, data]; everything
// that happens is a line of JSON on stdout, [name, data]. The end of stdin ends it.
import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const [url, options] = process.argv.slice(2);
const tell = (name, data) => console.log(JSON.stringify([name, data]));

const socket = io(url, JSON.parse(options));
socket.on("connect", () => tell("connect", { id: socket.id, transport: socket.io.engine.transport.name }));
socket.on("disconnect", (reason) => tell("disconnect", reason));
socket.on("connect_error", (error) => tell("connect_error", { message: error.message, data: error.data }));
socket.onAny(tell);

const send = async (line) => {
  const [event, ...data] = JSON.parse(line);
  try {
    tell("answer", await socket.emitWithAck(event, ...data));
  } catch (error) {
    tell("no answer", error.message);
  }
};

createInterface({ input: process.stdin })
  .on("line", send)
  .on("close", () => socket.disconnect());
