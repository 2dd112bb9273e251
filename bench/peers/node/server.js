// A peer to compare with: the same routes, events and SQL functions on express, socket.io and pg with their defaults.
//
//     DATABASE_URL=… PORT=… node server.js
//
// Callers say who they are, as in open mode. There are no tokens, no rate limits and no validation.

import { createServer } from "node:http";

import express from "express";
import { Server } from "socket.io";

import { Database } from "./database.js";

const database = new Database(process.env.DATABASE_URL);

const app = express();
const http = createServer(app);
const io = new Server(http);

app.use(express.json());

app.post("/users/create", async (request, response) => {
  response.json(await database.createUser(request.body.username));
});

app.post("/conversations/create", async (request, response) => {
  const { owner_id, participant_ids, group_name } = request.body;
  const conversation = await database.createConversation(owner_id, participant_ids, group_name);
  io.to(participant_ids.filter((id) => id !== owner_id)).emit("newConversation", conversation);
  response.json(conversation);
});

app.post("/conversations/:id/messages/create", async (request, response) => {
  const { user_id, message, client_id } = request.body;
  response.json(await send(user_id, request.params.id, message, client_id));
});

app.use((error, request, response, next) => {
  response.status(problem(error).status).json(problem(error));
});

io.on("connection", (socket) => {
  on(socket, "join", async ({ id, since, limit = 50 }) => {
    const user = await database.getUser(id);
    socket.data.userId = id;
    socket.join(id);
    return since ? { user, ...(await database.sync(id, since, limit)) } : { user };
  });

  on(socket, "sendMessage", ({ conversation_id, message, client_id }) =>
    send(socket.data.userId, conversation_id, message, client_id),
  );
});

http.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));

// Store a message and tell every socket of every member but the sender.
async function send(userId, conversationId, message, clientId) {
  const { announce, result, memberIds } = await database.sendMessage(userId, conversationId, message, clientId);
  const others = memberIds.filter((id) => id !== userId);
  // Without a room, `io.to([])` would tell everybody.
  if (announce && others.length) io.to(others).emit("message", announce);
  return result;
}

// Answer an event with what its handler returns, or with the problem that it meets.
function on(socket, event, handler) {
  socket.on(event, async (data, acknowledge) => {
    try {
      acknowledge?.(await handler(data));
    } catch (error) {
      acknowledge?.({ error: problem(error) });
    }
  });
}

// The functions raise PTnnn for the HTTP status nnn.
function problem(error) {
  const status = /^PT\d{3}$/.test(error.code) ? Number(error.code.slice(2)) : 500;
  return { status, code: status === 500 ? "internal_error" : error.message };
}
