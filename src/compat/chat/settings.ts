/** One of the four names that this system has for its providers. */
export type ChatName = "gpt" | "claude" | "gemini" | "groq";

/** How one of them is asked. */
export interface ChatProvider {
  readonly name: ChatName;
  /** The id of the configured provider. */
  readonly provider: string;
  readonly defaultModel: string;
  readonly fallbackModel: string;
  readonly temperature: number;
  readonly maxTokens: number;
  /** Where a request brings no system message of its own. */
  readonly systemPrompt: string;
}

export interface ChatSettings {
  readonly providers: readonly ChatProvider[];
  readonly minMessageLength: number;
  readonly maxMessageLength: number;
  readonly maxMessages: number;
}

interface Known {
  /** In the names of environment variables. */
  readonly prefix: string;
  readonly provider: string;
  readonly defaultModel: string;
  readonly fallbackModel: string;
}

const known: Readonly<Record<ChatName, Known>> = {
  gpt: { prefix: "OPENAI", provider: "openai", defaultModel: "gpt-4o", fallbackModel: "gpt-4o-mini" },
  claude: {
    prefix: "ANTHROPIC",
    provider: "anthropic",
    defaultModel: "claude-3-5-sonnet-latest",
    fallbackModel: "claude-3-5-haiku-latest",
  },
  gemini: { prefix: "GEMINI", provider: "google", defaultModel: "gemini-2.0-flash", fallbackModel: "gemini-1.5-pro" },
  groq: {
    prefix: "GROQ",
    provider: "groq",
    defaultModel: "llama-3.3-70b-versatile",
    fallbackModel: "mixtral-8x7b-32768",
  },
};

const names = Object.keys(known) as readonly ChatName[];

/** The environment variables of the old system that are read, with their defaults. */
const chatVariables: Readonly<Record<string, string>> = {
  SUPPORTED_PROVIDERS: "gpt,claude,gemini",
  MIN_MESSAGE_LENGTH: "1",
  MAX_MESSAGE_LENGTH: "24000",
  MAX_MESSAGES_IN_CONTEXT: "50",
  GENERIC_SYSTEM_PROMPT: "",
  ...Object.fromEntries(names.flatMap(variablesOf)),
};

function variablesOf(name: ChatName): [string, string][] {
  const { prefix, defaultModel, fallbackModel } = known[name];
  return [
    [`${prefix}_MODEL_DEFAULT`, defaultModel],
    [`${prefix}_MODEL_FALLBACK`, fallbackModel],
    [`${prefix}_TEMPERATURE`, "0.3"],
    [`${prefix}_MAX_TOKENS`, "8192"],
    [`${name.toUpperCase()}_SYSTEM_PROMPT`, ""],
  ];
}

/** Reads the settings from the environment's old names; what is empty has its default. Throws a RangeError that names what is wrong. */
export function readChatSettings(environment: Readonly<Record<string, string | undefined>>): ChatSettings {
  const value = (name: string) => environment[name]?.trim() || (chatVariables[name] ?? "");
  const number = (name: string, most: number) => readNumber(name, value(name), most);
  return {
    providers: supported(value("SUPPORTED_PROVIDERS")).map((name) => {
      const { prefix, provider } = known[name];
      return {
        name,
        provider,
        defaultModel: value(`${prefix}_MODEL_DEFAULT`),
        fallbackModel: value(`${prefix}_MODEL_FALLBACK`),
        temperature: number(`${prefix}_TEMPERATURE`, 2),
        maxTokens: number(`${prefix}_MAX_TOKENS`, 10_000_000),
        systemPrompt: value(`${name.toUpperCase()}_SYSTEM_PROMPT`) || value("GENERIC_SYSTEM_PROMPT"),
      };
    }),
    minMessageLength: number("MIN_MESSAGE_LENGTH", 1_000_000),
    maxMessageLength: number("MAX_MESSAGE_LENGTH", 10_000_000),
    maxMessages: number("MAX_MESSAGES_IN_CONTEXT", 10_000),
  };
}

function supported(value: string): readonly ChatName[] {
  return value.split(",").map((word) => {
    const name = names.find((candidate) => candidate === word.trim().toLowerCase());
    if (!name) throw new RangeError(`SUPPORTED_PROVIDERS: it must hold ${names.join(", ")} alone`);
    return name;
  });
}

function readNumber(name: string, value: string, most: number): number {
  const read = Number(value);
  if (Number.isFinite(read) && read >= 0 && read <= most) return read;
  throw new RangeError(`${name}: it must be a number from 0 to ${most}`);
}
