import { existsSync } from "node:fs";

/** The environment of this process: `.env` in the working directory is read first; what the environment already says wins. */
export function processEnvironment(): NodeJS.ProcessEnv {
  if (existsSync(".env")) process.loadEnvFile(".env");
  return process.env;
}

/** The environment as a worker gets it: the one that its supervisor had at its start, whatever `.env` says by now. */
export function inheritedEnvironment(): NodeJS.ProcessEnv {
  return process.env;
}
