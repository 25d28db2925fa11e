import { LivellmError } from "../../core/error.ts";
import type { ExplainError } from "../../core/upstream.ts";
import { explainOpenAIError } from "../openai-compatible/error.ts";

/** Reads an error body, `{"error": "…"}`, of a call for `model`. A missing model comes with what to do about it. */
export function explainOllamaError(model: string): ExplainError {
  return (body, status) => {
    const explained = explainOpenAIError(body, status);
    if (status !== 404) return explained;
    if (isMissingModel(explained.message)) return { message: missingModel(model), reason: "model_not_found" };
    const message = `${explained.message || "no such path"}; the base URL does not seem to be an Ollama's`;
    return { message, reason: "provider_rejected" };
  };
}

/** `model 'x' not found`, and in older versions `model "x" not found, try pulling it first`. */
function isMissingModel(message: string): boolean {
  return /\bmodel\b.*\bnot found\b|try pulling/i.test(message);
}

function missingModel(model: string): string {
  const settings = '{"pull": "missing"}';
  return `it has no model ${model}; run "ollama pull ${model}" there, or set the provider's settings to ${settings}`;
}

/** Whether a call failed because the model has not been pulled. */
export function wantsPull(error: unknown): boolean {
  return error instanceof LivellmError && error.reason === "model_not_found" && error.facts.httpStatus === 404;
}

/** Whether a call failed because it asked a model to think that cannot: `"llama3.2" does not support thinking`. */
export function refusesThinking(error: unknown): boolean {
  if (!(error instanceof LivellmError) || error.facts.httpStatus !== 400) return false;
  return error.message.includes("does not support thinking");
}
