import { readFileSync } from "node:fs";
import { type Config, problemsOf, providersOf, readConfig, readUsableConfig } from "./config.ts";
import { type VariableProblem, wrongVariables } from "./environment.ts";

type Variables = Readonly<Record<string, string | undefined>>;

/** Looks further than at the words: at files, addresses, keys. */
type Inspect = (config: Config) => Promise<readonly VariableProblem[]>;

/**
 * The configuration of the environment and of the file that LIVELLM_CONFIG names; the environment wins. Throws one Error
 * with everything that is wrong with both, and with what `inspect` finds.
 */
export async function loadConfig(environment: Variables, inspect: Inspect = async () => []): Promise<Config> {
  const file = environment.LIVELLM_CONFIG?.trim();
  if (file) return readBoth(file, environment, inspect);
  const problems = [...problemsOf(environment), ...(await inspect(readUsableConfig(environment)))];
  if (problems.length > 0) throw wrongVariables(problems);
  return readConfig(environment);
}

async function readBoth(file: string, environment: Variables, inspect: Inspect): Promise<Config> {
  // Loaded when there is a file: it brings a YAML parser and what every kind of provider knows of itself.
  const [{ readConfigFile }, { ConfigurationError }, { describeKinds }] = await Promise.all([
    import("./config-file/read-config-file.ts"),
    import("./config-file/mistake.ts"),
    import("./provider-kinds.ts"),
  ]);
  const said = Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim()));
  const together = (settings: Variables) => ({ ...settings, ...said });
  const text = readText(file);
  const kinds = describeKinds();
  const read = (problems: readonly VariableProblem[]) =>
    readConfigFile(file, text, {
      environment,
      ...kinds,
      problems: problems.filter(({ name }) => said[name] === undefined),
      otherProviders: (settings) => providersOf(together(settings)),
    });
  const { settings } = read([]);
  const problems = [...problemsOf(together(settings)), ...(await inspect(readUsableConfig(together(settings))))];
  const { providers, routes, mistakes } = read(problems);
  const ofEnvironment = problems.filter(({ name }) => said[name] !== undefined);
  const all = [...mistakes, ...ofEnvironment.map(({ name, problem }) => ({ where: name, problem }))];
  if (all.length > 0) throw new ConfigurationError(file, all);
  return Object.freeze({
    ...readConfig(together(settings)),
    configured: { providers, routes },
  });
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(`LIVELLM_CONFIG: the file cannot be read: ${why}`);
  }
}
