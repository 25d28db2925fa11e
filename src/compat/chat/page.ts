/** The page under `/`: what there is, with nothing from elsewhere. */
export const chatPage = `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>AI Chat API</title></head>
<body>
<h1>AI Chat API</h1>
<p>Served by livellm.</p>
<ul>
<li><code>POST /chat/{provider}</code>: <code>{"messages": [{"role": "user", "content": "Hello"}]}</code> in, server-sent events out</li>
<li><code>GET /health</code>, <code>GET /health/{provider}</code></li>
</ul>
</body>
</html>
`;
