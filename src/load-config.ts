import { readFileSync } from "node:fs";
import { type Config, problemsOf, providersOf, readConfig } from "./config.ts";

type Variables = Readonly<Record<string, string | undefined>>;

/**
 * The configuration of the environment and of the file that LIVELLM_CONFIG names; the environment wins. Throws one Error
 * with everything that is wrong with both.
 */
export async function loadConfig(environment: Variables): Promise<Config> {
  const file = environment.LIVELLM_CONFIG?.trim();
  return file ? readBoth(file, environment) : readConfig(environment);
}

async function readBoth(file: string, environment: Variables): Promise<Config> {
  // Loaded when there is a file: it brings a YAML parser and what every kind of provider knows of itself.
  const [{ readConfigFile }, { ConfigurationError }, { describeKinds }] = await Promise.all([
    import("./config-file/read-config-file.ts"),
    import("./config-file/mistake.ts"),
    import("./provider-kinds.ts"),
  ]);
  const said = Object.fromEntries(Object.entries(environment).filter(([, value]) => value?.trim()));
  const together = (settings: Variables) => ({ ...settings, ...said });
  const read = readConfigFile(file, readText(file), {
    environment,
    ...describeKinds(),
    problemsOf: (settings) => problemsOf(together(settings)).filter(({ name }) => said[name] === undefined),
    otherProviders: (settings) => providersOf(together(settings)),
  });
  const ofEnvironment = problemsOf(together(read.settings)).filter(({ name }) => said[name] !== undefined);
  const mistakes = [...read.mistakes, ...ofEnvironment.map(({ name, problem }) => ({ where: name, problem }))];
  if (mistakes.length > 0) throw new ConfigurationError(file, mistakes);
  return Object.freeze({
    ...readConfig(together(read.settings)),
    configured: { providers: read.providers, routes: read.routes },
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
