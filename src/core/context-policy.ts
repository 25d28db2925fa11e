/** What to do when a conversation is longer than the model takes. `maxInputTokens` 0: the model's context window. */
export interface ContextPolicy {
  readonly strategy: "disabled" | "truncate" | "recycle";
  readonly maxInputTokens: number;
}
