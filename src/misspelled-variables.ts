import { type VariableProblem, variableNamed, variables } from "./environment.ts";
import { nearestWord } from "./messages/near-word.ts";

/** Those that the command line reads, and the compose file. */
const others: ReadonlySet<string> = new Set([
  "LIVELLM_CA",
  "LIVELLM_CLIENT_CERT",
  "LIVELLM_CLIENT_KEY",
  "LIVELLM_EXPORT_PASSPHRASE",
  "LIVELLM_TARGET",
  "LIVELLM_TOKEN",
  "LIVELLM_TOKEN_FILE",
  "LIVELLM_URL",
]);

/** What Kubernetes tells of a Service that is called livellm. */
const ofKubernetes = /_SERVICE_(HOST|PORT)|_PORT(_\d+_(TCP|UDP).*)?$/;

/**
 * Variables that look as if one of this server's was meant: nobody would notice otherwise that a limit is not set. Only those
 * that begin as its own do; an environment is full of others.
 */
export function misspelledVariables(environment: Readonly<Record<string, string | undefined>>): VariableProblem[] {
  return Object.keys(environment).flatMap((name) => {
    if (!name.startsWith("LIVELLM_") || variableNamed(name) || others.has(name) || ofKubernetes.test(name)) return [];
    const near = nearestWord(name, ownNames);
    return near === undefined ? [] : [{ name, problem: `there is no such setting; did you mean ${near}?` }];
  });
}

const ownNames = Object.keys(variables).filter((name) => name.startsWith("LIVELLM_"));
