// How far the others have got, and how far one has got oneself.

/** The number up to which all others have received, and have read. */
export function reached(conversation, me) {
  const others = Object.entries(conversation.receipts ?? {}).filter(([id]) => id !== me).map(([, pointers]) => pointers);
  if (!others.length) return { delivered: 0, read: 0 };
  return {
    delivered: Math.min(...others.map((each) => Math.max(each.delivered_seq, each.read_seq))),
    read: Math.min(...others.map((each) => each.read_seq)),
  };
}

export function tickOf(message, me, { delivered, read }) {
  if (message.user_id !== me || message.type === "system" || message.deleted_at) return "";
  if (message.status !== "sent") return message.status;
  if (message.seq <= read) return "read";
  return message.seq <= delivered ? "delivered" : "sent";
}
