import { LivellmError } from "../../core/error.ts";
import type { JsonObject } from "../../core/json.ts";
import type { ProviderConnection } from "../../core/provider.ts";
import type { Upstream } from "../../core/upstream.ts";
import { brokenStream } from "../openai-compatible/broken-stream.ts";
import { explainOpenAIError, streamError } from "../openai-compatible/error.ts";
import { count, text } from "../openai-compatible/json-fields.ts";
import { toPost } from "./endpoint.ts";
import { readObjects } from "./json-lines.ts";

interface PullSetup {
  readonly connection: ProviderConnection;
  readonly upstream: Pick<Upstream, "lines">;
}

/**
 * Pulls a model with `POST /api/pull`, and yields how far it is, such as `pulling llama3.2, 41 %`. Ollama keeps what it has
 * got when the connection closes, and goes on from there the next time.
 */
export async function* pullModel(
  model: string,
  { connection, upstream }: PullSetup,
  signal: AbortSignal,
): AsyncGenerator<string, void, undefined> {
  const post = toPost(connection, { path: "pull", body: { model, stream: true }, explain: explainOpenAIError });
  yield `pulling ${model}`;
  const { lines } = await upstream.lines(post, signal);
  yield* readPull(lines, model);
}

/** Reads the progress of a pull. `success` is its end; without it the pull is `stream_broken`. */
export async function* readPull(lines: AsyncIterable<string>, model: string): AsyncGenerator<string, void, undefined> {
  const progress: Progress = { layers: new Map(), percent: undefined };
  for await (const line of readObjects(lines)) {
    if (line.error) throw pullFailed(line, model);
    if (line.status === "success") return;
    yield noteOf(line, model, progress);
  }
  throw brokenStream(`the "success" of pulling ${model}`);
}

/** A model comes in layers, the first of which is nearly all of it; the others are told of when they begin. */
interface Progress {
  readonly layers: Map<string, { readonly total: number; readonly completed: number }>;
  percent: number | undefined;
}

function noteOf(line: JsonObject, model: string, progress: Progress): string {
  const digest = text(line.digest);
  const total = count(line.total) ?? 0;
  if (digest !== "" && total > 0) {
    progress.layers.set(digest, { total, completed: Math.min(count(line.completed) ?? 0, total) });
    progress.percent = percentOf(progress);
    return `pulling ${model}, ${progress.percent} %`;
  }
  return progress.percent === undefined ? `pulling ${model}` : `pulling ${model}: ${text(line.status)}`;
}

/** Never less than before, though another layer makes the whole larger. */
function percentOf({ layers, percent = 0 }: Progress): number {
  const sizes = [...layers.values()];
  const total = sizes.reduce((sum, layer) => sum + layer.total, 0);
  const completed = sizes.reduce((sum, layer) => sum + layer.completed, 0);
  return Math.max(percent, Math.floor((completed / total) * 100));
}

/** `pull model manifest: file does not exist` is the registry's way to say that it has no such model. */
function pullFailed({ error, status }: JsonObject, model: string): LivellmError {
  const said = text(error);
  const failed = streamError({ message: `pulling ${model}: ${said}`, status: typeof status === "number" ? status : 0 });
  if (!/file does not exist|not found/i.test(said)) return failed;
  return new LivellmError("not_found", "model_not_found", `Ollama's library has no model ${model}`, { cause: failed });
}
