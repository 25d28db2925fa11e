import { DatedFiles } from "./dated-files.ts";
import { RecordQueue } from "./record-queue.ts";
import { withoutSecrets } from "./span-content.ts";

export interface ConversationLogSettings {
  readonly folder: string;
  readonly keptDays: number;
  /** Of all its files together. */
  readonly maxMebibytes: number;
}

/** Where what was said is written down. */
export interface ConversationLog {
  /** Takes a record of about so many characters, to be written soon. Never waits, never throws. */
  write(record: object, length: number): void;
  /** Writes what waits. */
  close(): Promise<void>;
}

/**
 * Opens the conversation log: a line of JSON for each call, in files `conversations.2030-01-31.….jsonl`. What looks like a
 * secret is taken out of every text. Throws when the folder cannot be used.
 */
export async function openConversationLog(
  settings: ConversationLogSettings,
  warn: (message: string) => void,
): Promise<ConversationLog> {
  const files = await openFiles(settings);
  const queue = new RecordQueue({
    append: (lines) => files.append(lines),
    dropped: (records, reason) => warn(`${records} conversations are not in the conversation log: ${reason}`),
  });
  return {
    write: (record, length) => queue.add(() => JSON.stringify(record, redacted), length),
    async close() {
      files.close();
      await queue.close();
    },
  };
}

async function openFiles({ folder, keptDays, maxMebibytes }: ConversationLogSettings): Promise<DatedFiles> {
  try {
    return await DatedFiles.open({ folder, name: "conversations", keptDays, maxBytes: maxMebibytes * 1024 * 1024 });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`LIVELLM_CONVERSATION_LOG: it cannot be kept in ${folder}: ${reason}`, { cause });
  }
}

/** No secret is recognised in less. */
const shortestSecret = 6;
/** What stands in every record, and would be looked at for nothing. */
const ownWords: ReadonlySet<string> = new Set(["assistant", "system", "reasoning", "tool_call", "answered"]);

function redacted(_key: string, value: unknown): unknown {
  if (typeof value !== "string" || value.length < shortestSecret || ownWords.has(value)) return value;
  return withoutSecrets(value);
}
