import { providerVariables } from "./environment/providers.ts";
import { serverVariables } from "./environment/server.ts";
import { surfaceVariables } from "./environment/surfaces.ts";
import { telemetryVariables } from "./environment/telemetry.ts";
import type { Variable } from "./environment/variable.ts";

/** Every environment variable this server reads. */
export const variables = {
  ...serverVariables,
  ...telemetryVariables,
  ...providerVariables,
  ...surfaceVariables,
} as const;

/** What the environment says, checked. */
export type Environment = { readonly [K in keyof typeof variables]: ReturnType<(typeof variables)[K]["read"]> };

/** A variable whose value cannot be used. */
export interface VariableProblem {
  readonly name: string;
  /** What would be right; never the value. */
  readonly problem: string;
}

type Variables = Readonly<Record<string, string | undefined>>;

/** Reads every variable. Throws one Error that names each that is wrong, and never its value. */
export function readVariables(environment: Variables): Environment {
  const problems = checkVariables(environment);
  if (problems.length > 0) throw wrongVariables(problems);
  return Object.fromEntries(
    Object.keys(variables).map((name) => [name, readVariable(name, environment)]),
  ) as Environment;
}

/** Every variable whose value cannot be used. */
export function checkVariables(environment: Variables): readonly VariableProblem[] {
  return Object.keys(variables).flatMap((name) => {
    try {
      readVariable(name, environment);
      return [];
    } catch (error) {
      return [{ name, problem: error instanceof Error ? error.message : String(error) }];
    }
  });
}

/** One Error for all of them. */
export function wrongVariables(problems: readonly VariableProblem[]): Error {
  const all = problems.map(({ name, problem }) => `${name}: ${problem}`).join("; ");
  return new Error(`the environment is not right: ${all}`);
}

function readVariable(name: string, environment: Variables): unknown {
  const variable = variableNamed(name);
  return variable?.read(environment[name]?.trim() || variable.default);
}

/** The variable of a name; undefined when there is none. */
export function variableNamed(name: string): Variable<unknown> | undefined {
  return Object.hasOwn(variables, name) ? variables[name as keyof typeof variables] : undefined;
}
