// What conversations and people are called.
export const otherOf = (about, me) =>
  about.type === "direct" ? (about.participants.find((each) => each.id !== me) ?? about.participants[0]) : undefined;

export function nameOf(about, me) {
  if (about.type === "direct") return otherOf(about, me)?.username ?? "Deleted user";
  return about.name || about.participants.map((each) => each.username).join(", ");
}

export const roleOf = (about, userId) => about.participants.find((each) => each.id === userId)?.role ?? "member";
export const isAdmin = (about, userId) => ["owner", "admin"].includes(roleOf(about, userId));

export function listed(names) {
  if (names.length < 2) return names[0] ?? "";
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}

/** A colour of their own for everyone: one of the eight in base.css. */
export function hueOf(id) {
  let sum = 0;
  for (const letter of id) sum = (sum * 31 + letter.charCodeAt(0)) % 9973;
  return sum % 8;
}
