// Times, in the reader's language and zone.
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const short = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });

const midnight = (time) => new Date(time).setHours(0, 0, 0, 0);
const daysAgo = (time) => Math.round((midnight(Date.now()) - midnight(time)) / 86_400_000);

export const atTime = (time) => clock.format(new Date(time));
export const inFull = (time) => full.format(new Date(time));
export const isSameDay = (a, b) => midnight(a) === midnight(b);

export function onDay(time) {
  const days = daysAgo(time);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  return days < 7 ? weekday.format(new Date(time)) : date.format(new Date(time));
}

export function briefly(time) {
  const days = daysAgo(time);
  if (days === 0) return atTime(time);
  return days === 1 ? "Yesterday" : short.format(new Date(time));
}
