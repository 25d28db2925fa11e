import { invalidRequest } from "../../core/error.ts";
import type { JsonObject } from "../../core/json.ts";
import { object } from "../openai-compatible/json-fields.ts";

/** Fields of the body itself: `ChatRequest` of Ollama's api package. */
const bodyFields = ["keep_alive", "think", "format", "options", "truncate", "shift", "logprobs", "top_logprobs"];

/** What may stand in `options` of the body: `Options` and `Runner` of Ollama's api package. */
const modelParameters = [
  "num_keep",
  "seed",
  "num_predict",
  "top_k",
  "top_p",
  "min_p",
  "tfs_z",
  "typical_p",
  "repeat_last_n",
  "temperature",
  "repeat_penalty",
  "presence_penalty",
  "frequency_penalty",
  "penalize_newline",
  "mirostat",
  "mirostat_tau",
  "mirostat_eta",
  "stop",
  "num_ctx",
  "num_batch",
  "num_gpu",
  "main_gpu",
  "num_thread",
  "use_mmap",
];

/**
 * Puts a target's options where Ollama reads them: `{"num_ctx": 8192, "keep_alive": "1h"}` gives `{"options": {"num_ctx":
 * 8192}, "keep_alive": "1h"}`. It ignores a name that it does not know without a word, so such names are refused here, all
 * of them at once; a parameter that is too new for this list goes through as `{"options": {"name": …}}`.
 */
export function placeOptions(options: JsonObject): JsonObject {
  const entries = Object.entries(options);
  refuseUnknown(entries.map(([name]) => name));
  const fields = Object.fromEntries(entries.filter(([name]) => bodyFields.includes(name)));
  const parameters = Object.fromEntries(entries.filter(([name]) => modelParameters.includes(name)));
  if (Object.keys(parameters).length === 0) return fields;
  return { ...fields, options: { ...parameters, ...object(fields.options) } };
}

function refuseUnknown(names: readonly string[]): void {
  const unknown = names.filter((name) => !bodyFields.includes(name) && !modelParameters.includes(name));
  if (unknown.length === 0) return;
  throw invalidRequest(
    unknown.map((name) => ({
      field: `route.targets[].options.${name}`,
      description: 'Ollama has no such option; a parameter of the model\'s own goes into {"options": {…}}',
      reason: "UNKNOWN",
    })),
  );
}
