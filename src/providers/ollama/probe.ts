import type { Upstream } from "../../core/upstream.ts";
import { linkedController } from "../../streams/signals.ts";
import { explainOpenAIError } from "../openai-compatible/error.ts";
import { object, text } from "../openai-compatible/json-fields.ts";

/** A local server answers in a few milliseconds; who has none should not wait for it. */
const patienceMs = 300;

/**
 * Whether an Ollama answers at `baseUrl`, by `GET /api/version`, within 300 milliseconds. Throws the signal's reason when it
 * aborts, and nothing else: whatever is wrong there, it is no Ollama to be used.
 */
export async function ollamaAnswers(
  upstream: Pick<Upstream, "json">,
  baseUrl: string,
  signal: AbortSignal,
): Promise<boolean> {
  using patience = linkedController(signal);
  const timer = setTimeout(() => patience.abort(new Error("no answer in time")), patienceMs);
  const request = { method: "GET", url: `${baseUrl}/api/version`, explain: explainOpenAIError } as const;
  try {
    const { value } = await upstream.json(request, patience.signal);
    return text(object(value).version) !== "";
  } catch {
    signal.throwIfAborted();
    return false;
  } finally {
    clearTimeout(timer);
  }
}
