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
environment says wins over the file. A value that it cannot use ends it at once with every such variable named. \`.env.example\`
has the same variables to copy. Providers and routes are kept through the API ([api-examples.md](api-examples.md)), or stand in
a configuration file; those that need no more than a key can come from the environment too.

## The configuration file

\`LIVELLM_CONFIG=livellm.yaml\`, or \`livellm serve --config livellm.yaml\`: one YAML file with any of \`settings\`, \`providers\` and
\`routes\`.

\`\`\`yaml
settings:
  PORT: 8000
  LIVELLM_MAX_CALLS_PER_CALLER: 64
  LIVELLM_CORS_ORIGINS: [https://app.example.com]
  LIVELLM_ADMIN_TOKEN: \${LIVELLM_ADMIN_TOKEN}

providers:
  - id: openai
    kind: openai
    api_key: \${OPENAI_API_KEY}
    default_model: gpt-5-mini
  - id: in-house
    kind: openai-compatible
    base_url: https://models.example.com/v1
    api_key_file: in-house.key
    headers: {x-team: voice}
    models:
      - model: "*"
        fallbacks: [{provider: openai, model: gpt-5-mini}]

routes:
  - name: fast
    display_name: Whoever is first
    route:
      strategy: parallel
      stagger: 0.5s
      targets:
        - {provider: in-house, model: small}
        - {provider: openai, model: gpt-5-mini}
\`\`\`

- \`settings\` has the variables of the table below by their names. The environment wins over it, and \`--host\` and \`--port\` over both.
  A list may be a list, and 1 or 0 true or false.
- \`providers\` and \`routes\` have the fields of \`Provider\` and \`NamedRoute\` in
  [providers_service.proto](../proto/livellm/v1/providers_service.proto) and
  [routes_service.proto](../proto/livellm/v1/routes_service.proto), by the names they have there, without those that are output
  only. They are read-only: a stored one hides the one of the file with the same name until it is deleted. A provider of the file
  takes the place of the one that a key in the environment makes, and its targets name providers of the file or the environment.
- \`\${NAME}\` in a text is what the environment says, and has to be there; \`$\${\` is those characters themselves. Keys and other
  secrets do not stand in the file: they are such references, or for a provider a file of their own, \`api_key_file\`.

A file with mistakes is not used in part. Each of them is said, with its line and column, what is wrong and what would be right;
\`livellm check-config\` says the same without serving, and ends with 1:

\`\`\`text
livellm: there are 2 mistakes in the configuration
  livellm.yaml:2:3: settings.LIVELLM_MAX_CALS: there is no such setting; did you mean LIVELLM_MAX_CALLS?
  livellm.yaml:8:5: providers[0].api_key: the environment has no OPENAI_API_KEY
\`\`\`

For completion and checks in an editor: \`livellm check-config --schema > livellm.schema.json\`, and as the file's first line
\`# yaml-language-server: $schema=livellm.schema.json\`.

## Every setting

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
