// The functions of docs/examples.md between this server's messages and those of gifted-chat.
import assert from "node:assert/strict";
import { fromGifted, toGifted } from "./gifted.mjs";

const ann = { id: "ann-id", username: "ann", avatar_url: "https://example.com/a.png" };
const bob = { id: "bob-id", username: "bob", avatar_url: null };
const message = {
  id: "m-id", client_id: "c-id", conversation_id: "room", seq: 7, version: 9, type: "text", user_id: "ann-id", users: ann,
  message: "Look", created_at: "2026-11-22T21:24:02.541123+00:00", deleted_at: null, attachments: [], reactions: [], quote: null, custom: {},
};
const shown = toGifted(message, { readSeq: 6 });
assert.deepEqual(shown, {
  _id: "m-id", text: "Look", createdAt: new Date("2026-11-22T21:24:02.541Z"),
  user: { _id: "ann-id", name: "ann", avatar: "https://example.com/a.png" },
  system: false, pending: false, sent: true, received: false,
});
assert.equal(toGifted(message, { readSeq: 7 }).received, true);
assert.equal(toGifted({ ...message, type: "system" }).system, true);
assert.equal(toGifted({ ...message, deleted_at: message.created_at, message: "" }).text, "🗑");
for (const [type, kind] of [["image/png", "image"], ["video/mp4", "video"], ["audio/mpeg", "audio"]]) {
  const url = "https://chat.example.com";
  assert.equal(toGifted({ ...message, attachments: [{ type, url: "/attachments/a" }] }, { url })[kind], `${url}/attachments/a`);
}
assert.equal(toGifted({ ...message, attachments: [{ type: "text/plain", url: "/a" }] }).image, undefined);
const quickReplies = { type: "radio", keepIt: true, values: [{ title: "Yes", value: "yes" }] };
const location = { latitude: 48.2, longitude: 16.4 };
const rich = toGifted({
  ...message, custom: { quick_replies: quickReplies, location },
  quote: { id: "q-id", seq: 3, user_id: "bob-id", users: bob, message: "What?", deleted_at: null },
  reactions: [{ emoji: "👍", count: 2, user_ids: ["ann-id", "bob-id"] }],
});
assert.deepEqual(rich.replyMessage, { _id: "q-id", text: "What?", user: { _id: "bob-id", name: "bob" } });
assert.deepEqual(rich.reactions, [{ emoji: "👍", userIds: ["ann-id", "bob-id"] }]);
assert.deepEqual([rich.quickReplies, rich.location], [quickReplies, location]);

const waiting = toGifted({ ...message, id: "c-id", seq: 0, status: "sending" });
assert.deepEqual([waiting._id, waiting.pending, waiting.sent, waiting.received], ["c-id", true, false, false]);

const draft = { _id: "g1", text: "Yes", createdAt: new Date(), user: { _id: "bob-id" } };
assert.deepEqual(fromGifted(draft), { client_id: "g1", message: "Yes" });
assert.deepEqual(fromGifted({ ...draft, replyMessage: shown, quickReplies, location }, ["file-id"]), {
  client_id: "g1", message: "Yes", reply_to: "m-id", attachments: ["file-id"], custom: { quick_replies: quickReplies, location },
});
// There and back: what the app has said is what is shown.
const sent = fromGifted({ ...draft, quickReplies, location });
const back = toGifted({ ...message, ...sent });
assert.deepEqual([back.text, back.quickReplies, back.location], ["Yes", quickReplies, location]);
