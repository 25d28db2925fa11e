// Writes docs/configuration.md and .env.example from the variables of src/environment.ts: `node scripts/configuration-documents.ts`.
// A test compares them with what this would write.
import { writeFileSync } from "node:fs";
import path from "node:path";
import { variables } from "../src/environment.ts";

interface Documented {
  readonly name: string;
  readonly default: string;
  readonly description: string;
}

const all: readonly Documented[] = Object.entries(variables).map(([name, variable]) => ({ name, ...variable }));

/** The table of every environment variable. */
export function configurationDocument(): string {
  return `# Configuration

livellm reads its environment once, when it starts, and before that a file \`.env\` in the folder it is started in; what the
environment says wins over the file. A value that it cannot use ends it at once with one line that names every such variable.
\`.env.example\` has the same variables to copy. Providers are not configured here but through the API
([api-examples.md](api-examples.md)); only those that need no more than a key can come from the environment.

| Variable | Default | What it is for |
|---|---|---|
${all.map(row).join("\n")}
`;
}

function row(variable: Documented): string {
  const value = variable.default === "" ? "–" : `\`${variable.default}\``;
  return `| \`${variable.name}\` | ${value} | ${variable.description} |`;
}

/** Every variable with its default, commented out. */
export function exampleEnvironment(): string {
  const entries = all.map(({ name, default: value, description }) => `# ${description}\n# ${name}=${value}\n`);
  return `# Copy this file to .env and take away the "# " in front of what you set.\n\n${entries.join("\n")}`;
}

/** What this script writes: path from the project's root, and text. */
export const documents: Readonly<Record<string, () => string>> = {
  "docs/configuration.md": configurationDocument,
  ".env.example": exampleEnvironment,
};

if (import.meta.main) {
  const root = path.join(import.meta.dirname, "..");
  for (const [file, text] of Object.entries(documents)) writeFileSync(path.join(root, file), text());
}
