/** OpenAI's models that do not reason: for them `reasoning` and its encrypted content are errors. All newer ones do. */
const withoutReasoning = /^(?:ft:)?(?:gpt-3\.5|gpt-4|chatgpt-4o|gpt-5(?:\.\d+)?-chat)/;

export function canReason(model: string): boolean {
  return !withoutReasoning.test(model);
}
