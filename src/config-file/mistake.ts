/** The keys and indexes from the top of the file to a value. */
export type FilePath = readonly (string | number)[];

/** Something in a configuration that cannot be used, and what would be right; never the value of a secret. */
export interface Finding {
  readonly path: FilePath;
  readonly problem: string;
}

/** A finding with its place in the file; without one it is about the environment. */
export interface Mistake {
  /** From 1. */
  readonly line?: number;
  /** From 1. */
  readonly column?: number;
  /** `providers[0].api_key`, or a variable's name; empty for the file as a whole. */
  readonly where: string;
  readonly problem: string;
}

/** A configuration that cannot be used; the message has a line for each mistake. */
export class ConfigurationError extends Error {
  override readonly name = "ConfigurationError";
  readonly mistakes: readonly Mistake[];

  constructor(file: string, mistakes: readonly Mistake[]) {
    const [one, many] = ["there is 1 mistake", `there are ${mistakes.length} mistakes`];
    const lines = mistakes.map((mistake) => `  ${describe(file, mistake)}`);
    super([`${mistakes.length === 1 ? one : many} in the configuration`, ...lines].join("\n"));
    this.mistakes = mistakes;
  }
}

/** In the form that editors and terminals make a link of: `livellm.yaml:3:7: settings.PORT: it must be …`. */
function describe(file: string, { line, column, where, problem }: Mistake): string {
  const place = line === undefined ? "environment" : `${file}:${line}:${column}`;
  return [place, where, problem].filter(Boolean).join(": ");
}

/** A path in words: `routes[0].route.targets[1]`. */
export function pathInWords(path: FilePath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === "number") return `${text}[${step}]`;
    if (!/^[\w-]+$/.test(step)) return `${text}[${JSON.stringify(step)}]`;
    return text === "" ? step : `${text}.${step}`;
  }, "");
}

/** The path that `routes[0]["x"].name` stands for. */
export function pathFromWords(words: string): FilePath {
  const steps = words.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]]+)/g);
  return [...steps].map(([, index, quoted, name = ""]) => {
    if (index !== undefined) return Number(index);
    return quoted === undefined ? name : (JSON.parse(quoted) as string);
  });
}
