// Swagger UI on this server's own document; nothing is loaded from elsewhere.
const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();

/** What an app calls comes first. */
const last = ["health", "documents", "pages"];

SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: -1,
  defaultModelExpandDepth: 3,
  displayRequestDuration: true,
  filter: true,
  tagsSorter: (one, other) => last.indexOf(one) - last.indexOf(other),
  tryItOutEnabled: true,
  persistAuthorization: false, // a token does not outlive the page
  validatorUrl: null,
  requestSnippetsEnabled: true,
  syntaxHighlight: { theme: dark.matches ? "nord" : "idea" },
});
