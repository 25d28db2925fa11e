import { existsSync } from "node:fs";

/** The environment of this process: `.env` in the working directory is read first; what the environment already says wins. */
export function processEnvironment(): NodeJS.ProcessEnv {
  if (existsSync(".env")) process.loadEnvFile(".env");
  return process.env;
}
