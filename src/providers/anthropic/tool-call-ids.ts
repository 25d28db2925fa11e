import type { ToolCallIds } from "../openai-compatible/dialect.ts";

/** The ids that the API takes; others become a digest of this length. */
export const toolCallIds: ToolCallIds = { pattern: /^[a-zA-Z0-9_-]+$/, length: 40 };
