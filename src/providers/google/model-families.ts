/** The generation of a Gemini model, such as 2.5; `gemini-flash-latest` is the newest. Undefined for any other. */
function generationOf(model: string): number | undefined {
  const match = /^(?:models\/)?gemini-(?:(\d+(?:\.\d+)?)\b|[\w-]+-latest$)/.exec(model);
  return match ? Number(match[1] ?? Number.POSITIVE_INFINITY) : undefined;
}

function isSince(model: string, generation: number): boolean {
  return (generationOf(model) ?? 0) >= generation;
}

/**
 * What Gemini 3 brought: thinking levels in place of budgets, signatures without which a function call is refused, media in
 * function responses, function calls beside a JSON schema and beside the API's own tools.
 */
export function isGemini3(model: string): boolean {
  return isSince(model, 3);
}

/** Whether a model thinks: for any other `thinkingConfig` is an error. */
export function canThink(model: string): boolean {
  if (/-(tts|transcribe|live|native-audio|embedding)\b/.test(model)) return false;
  return isSince(model, /-image\b/.test(model) ? 3 : 2.5);
}

/** Pro models think always, the others can do without, or with next to nothing. */
export function isPro(model: string): boolean {
  return /-pro\b/.test(model);
}

/** Whether a model is made for writing down speech: it takes a configuration, and answers an instruction with nothing. */
export function isTranscriber(model: string): boolean {
  return /-transcribe\b/.test(model);
}

/** Whether a model that speaks takes a form, a style and voices of the caller's own: those before it know only samples. */
export function speaksByFormat(model: string): boolean {
  return isSince(model, 3.8);
}

/** Whether a model that converses speaks and does not write: the first ones did either, newer ones answer with audio alone. */
export function onlySpeaks(model: string): boolean {
  return /-native-audio\b/.test(model) || isGemini3(model);
}

/** Whether a model that converses takes what the user writes as live input alone: `clientContent` is for the history then. */
export function readsLiveText(model: string): boolean {
  return isGemini3(model);
}

/** Whether a model has penalties: "Penalty is not enabled for models/gemini-2.5-flash". */
export function hasPenalties(model: string): boolean {
  return !isSince(model, 2.5);
}

/** Whether a model draws. */
export function draws(model: string): boolean {
  return /-image\b/.test(model);
}

/** The budgets for thoughts that a model takes, in tokens, beside 0 where it can do without: ai.google.dev, "Thinking". */
export function budgetsOf(model: string): { readonly least: number; readonly most: number } {
  if (isPro(model)) return { least: 128, most: 32_768 };
  return { least: /-flash-lite\b/.test(model) ? 512 : 0, most: 24_576 };
}
