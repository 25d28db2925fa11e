import { openApi } from "./openapi.ts";

/** The page under `/docs`: it needs nothing from elsewhere. */
export const docsPage = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>livellm</title></head>
<body>
<h1>livellm</h1>
<p>The HTTP routes of livellm's earlier proxy, as <a href="openapi.json">OpenAPI 3.1</a>.</p>
<ul>
${Object.entries(openApi.paths)
  .flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, { summary }]) => `<li><code>${method.toUpperCase()} ${path}</code>: ${summary}</li>`,
    ),
  )
  .join("\n")}
<li><code>WS /ws</code>: the same actions, many at a time, on one WebSocket</li>
<li><code>WS /ws/transcription</code>: writes down speech while it is spoken</li>
</ul>
</body>
</html>
`;
