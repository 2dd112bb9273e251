// Short names for what is used everywhere: a minifier cannot make them.
export const { assign, entries, fromEntries, keys, values } = Object;
