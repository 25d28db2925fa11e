import { anthropic } from "../../src/providers/anthropic/index.ts";
import { google } from "../../src/providers/google/index.ts";
import { groq } from "../../src/providers/groq/index.ts";
import { mistral } from "../../src/providers/mistral/index.ts";
import { ollama } from "../../src/providers/ollama/index.ts";
import { openai } from "../../src/providers/openai/index.ts";
import { openaiCompatible } from "../../src/providers/openai-compatible/index.ts";
import { type ChatContract, describeChatContract } from "./contract.ts";
import { fixture } from "./openai-compatible/reading.ts";

const event = (data: object, name = "") => `${name && `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`;
/** OpenAI's form of an error, which others have taken over. */
const openaiRefusal = (message: string) => JSON.stringify({ error: { message, type: "error", code: null } });
const streams = (folder: string, ending: string) => ({
  answer: fixture(`${folder}/text.${ending}`),
  errorFirst: fixture(`${folder}/error-first.${ending}`),
  errorInside: fixture(`${folder}/error-inside.${ending}`),
});

/** Chat completions. */
const completions = {
  head: "",
  piece: (content: string) => event({ model: "m", choices: [{ index: 0, delta: { content }, finish_reason: null }] }),
  refusal: openaiRefusal,
  reservedOption: "messages",
};

const contracts: readonly ChatContract[] = [
  {
    kind: openaiCompatible,
    model: "gpt-5.6",
    ...streams("openai-compatible", "sse"),
    text: "Grüezi, world! 👋🏽 Ça va ?",
    ...completions,
  },
  {
    kind: openai,
    settings: { api: "chat" },
    model: "gpt-5.6",
    ...streams("openai-compatible", "sse"),
    text: "Grüezi, world! 👋🏽 Ça va ?",
    ...completions,
  },
  {
    kind: openai,
    model: "gpt-5.6",
    ...streams("openai", "sse"),
    text: "Grüezi, 👋🏽 world",
    head: beginningOf("openai/text.sse", "event: response.output_text.delta"),
    piece: (delta) =>
      event(
        { type: "response.output_text.delta", item_id: "msg_0", output_index: 0, content_index: 0, delta },
        "response.output_text.delta",
      ),
    refusal: openaiRefusal,
    reservedOption: "input",
  },
  {
    kind: groq,
    model: "llama-3.3-70b-versatile",
    ...streams("groq", "sse"),
    text: "Grüezi, 👋🏽 world",
    ...completions,
  },
  {
    kind: mistral,
    model: "mistral-small-latest",
    ...streams("mistral", "sse"),
    text: "Grüezi, 👋🏽 world",
    ...completions,
  },
  {
    kind: ollama,
    model: "llama3.2",
    ...streams("ollama", "ndjson"),
    text: "Grüezi, 👋🏽 world",
    head: "",
    piece: (content) => `${JSON.stringify({ model: "m", message: { role: "assistant", content }, done: false })}\n`,
    refusal: (error) => JSON.stringify({ error }),
    reservedOption: "messages",
  },
  {
    kind: anthropic,
    model: "claude-opus-5-5",
    ...streams("anthropic", "sse"),
    text: "Grüezi, 👋🏽 world",
    head: beginningOf("anthropic/text.sse", "event: content_block_delta"),
    piece: (text) =>
      event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text } }, "content_block_delta"),
    refusal: (message) => JSON.stringify({ type: "error", error: { type: "error", message } }),
    reservedOption: "messages",
  },
  {
    kind: google,
    model: "gemini-3.8-flash",
    ...streams("google", "sse"),
    text: "Grüezi, 👋🏽 world",
    head: "",
    piece: (text) => event({ candidates: [{ content: { parts: [{ text }], role: "model" }, index: 0 }] }),
    refusal: (message) => JSON.stringify({ error: { message } }),
    reservedOption: "contents",
  },
];

for (const contract of contracts) describeChatContract(contract);

/** A fixture up to its first piece of text. */
function beginningOf(name: string, piece: string): string {
  const text = fixture(name).toString("utf8");
  return text.slice(0, text.indexOf(piece));
}
