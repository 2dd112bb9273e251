// Light or dark: as the system says, until somebody chooses.
const KEPT = "chat.theme";

export const theme = () => localStorage.getItem(KEPT) ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");

export function applyTheme() {
  const chosen = localStorage.getItem(KEPT);
  if (chosen) document.documentElement.dataset.theme = chosen;
}

export function switchTheme() {
  localStorage.setItem(KEPT, theme() === "dark" ? "light" : "dark");
  applyTheme();
  return theme();
}
